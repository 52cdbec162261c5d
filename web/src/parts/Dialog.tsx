// A modal dialog: the browser's own keeps the focus inside and closes on Escape.

import { type JSX, onMount } from 'solid-js'
import { Icon } from './icons.tsx'

export function Dialog(props: { title: string; class?: string; onClose: () => void; children: JSX.Element }) {
  let element!: HTMLDialogElement
  onMount(() => element.showModal())
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: a click beside the dialog closes it; Escape does so by itself
    <dialog
      ref={element}
      class={`dialog ${props.class ?? ''}`}
      aria-label={props.title}
      onClose={() => props.onClose()}
      onClick={(event) => event.target === element && element.close()}
    >
      <header class="dialog-head">
        <h2>{props.title}</h2>
        <button type="button" class="icon-button" aria-label="Close" onClick={() => element.close()}>
          <Icon name="close" />
        </button>
      </header>
      <div class="dialog-body">{props.children}</div>
    </dialog>
  )
}
