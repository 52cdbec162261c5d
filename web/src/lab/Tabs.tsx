// Tabs, as the ARIA practices have them: one stop for the Tab key, arrow keys between them, Home and End.

import { createEffect, createUniqueId, For, type JSX } from 'solid-js'

export interface Tab {
  readonly id: string
  readonly title: string
  readonly content: () => JSX.Element
}

export function Tabs(props: { label: string; tabs: readonly Tab[]; open: string; onOpen: (id: string) => void }) {
  const prefix = createUniqueId()
  const buttons = new Map<string, HTMLButtonElement>()

  let list!: HTMLDivElement
  // Where not all of them have room, the open one is in sight.
  createEffect(() => {
    const tab = buttons.get(props.open)
    if (tab !== undefined) list.scrollTo({ left: tab.offsetLeft - (list.clientWidth - tab.offsetWidth) / 2 })
  })

  function onKeyDown(event: KeyboardEvent): void {
    const at = props.tabs.findIndex(({ id }) => id === props.open)
    const last = props.tabs.length - 1
    const to = {
      ArrowRight: at === last ? 0 : at + 1,
      ArrowLeft: at === 0 ? last : at - 1,
      Home: 0,
      End: last,
    }[event.key]
    if (to === undefined) return
    event.preventDefault()
    const { id } = props.tabs[to]!
    props.onOpen(id)
    buttons.get(id)?.focus()
  }

  return (
    <div class="tabs">
      <div role="tablist" ref={list} aria-label={props.label} onKeyDown={onKeyDown}>
        <For each={props.tabs}>
          {({ id, title }) => (
            <button
              type="button"
              role="tab"
              id={`${prefix}-tab-${id}`}
              ref={(button) => buttons.set(id, button)}
              aria-selected={props.open === id}
              aria-controls={`${prefix}-panel-${id}`}
              tabindex={props.open === id ? 0 : -1}
              onClick={() => props.onOpen(id)}
            >
              {title}
            </button>
          )}
        </For>
      </div>
      <For each={props.tabs}>
        {({ id, content }) => (
          <div
            role="tabpanel"
            id={`${prefix}-panel-${id}`}
            aria-labelledby={`${prefix}-tab-${id}`}
            tabindex="0"
            hidden={props.open !== id}
          >
            {content()}
          </div>
        )}
      </For>
    </div>
  )
}
