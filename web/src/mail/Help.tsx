// The keys, listed.

import { For } from 'solid-js'
import { Dialog } from '../parts/Dialog.tsx'
import { KEYS } from './keys.ts'

export function Help(props: { onClose: () => void }) {
  return (
    <Dialog title="Keys" onClose={() => props.onClose()}>
      <dl class="keys">
        <For each={KEYS}>
          {([key, what]) => (
            <div>
              <dt>
                <kbd>{key}</kbd>
              </dt>
              <dd>{what}</dd>
            </div>
          )}
        </For>
      </dl>
    </Dialog>
  )
}
