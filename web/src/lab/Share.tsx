// A link that holds the whole description; no server ever sees it.

import { createSignal, Show } from 'solid-js'
import { Dialog } from '../parts/Dialog.tsx'

export function Share(props: { link: string; onClose: () => void }) {
  const [said, setSaid] = createSignal('')
  let field!: HTMLInputElement
  async function copy(): Promise<void> {
    field.select()
    try {
      await navigator.clipboard.writeText(props.link)
      setSaid('Copied.')
    } catch {
      setSaid('The browser did not allow to copy. The link is selected: copy it with the keyboard.')
    }
  }
  return (
    <Dialog title="Share" onClose={props.onClose}>
      <div class="share">
        <p>The description is within the link itself, behind the #. It is sent to nobody but whom you give the link.</p>
        <label for="share-link">Link</label>
        <input id="share-link" ref={field} readonly value={props.link} onFocus={() => field.select()} />
        <p class="row">
          <button type="button" class="primary" onClick={() => void copy()}>
            Copy the link
          </button>
          <span role="status" class="quiet">
            {said()}
          </span>
        </p>
        <Show when={props.link.length > 8000}>
          <p class="quiet">This is a long link: some programs cut it. Saving the description is safer.</p>
        </Show>
      </div>
    </Dialog>
  )
}
