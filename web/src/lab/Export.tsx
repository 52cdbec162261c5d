// The system to take along: as a picture, as text, as data, and in the languages of other drawing tools.

import { createSignal, For, Show } from 'solid-js'
import { draw } from '../../../src/notation/draw.ts'
import { drawnAs } from '../../../src/notation/export.ts'
import type { SystemModel } from '../../../src/notation/model.ts'
import { Dialog } from '../parts/Dialog.tsx'
import { download, fileName, pngOf } from './download.ts'

interface Format {
  readonly id: string
  readonly name: string
  readonly says: string
  readonly extension: string
  readonly type: string
}

const FORMATS: readonly Format[] = [
  {
    id: 'svg',
    name: 'SVG',
    says: 'a picture, sharp at every size, light and dark',
    extension: 'svg',
    type: 'image/svg+xml',
  },
  { id: 'png', name: 'PNG', says: 'a picture for slides and letters', extension: 'png', type: 'image/png' },
  { id: 'source', name: 'Description', says: 'this text, as it is', extension: 'borderpost', type: 'text/plain' },
  {
    id: 'text',
    name: 'Drawn text',
    says: 'a drawing of letters, for mail and terminals',
    extension: 'txt',
    type: 'text/plain',
  },
  { id: 'mermaid', name: 'Mermaid', says: 'for GitHub, GitLab and Obsidian', extension: 'mmd', type: 'text/plain' },
  { id: 'd2', name: 'D2', says: 'for d2', extension: 'd2', type: 'text/plain' },
  { id: 'dot', name: 'DOT', says: 'for Graphviz', extension: 'dot', type: 'text/plain' },
  {
    id: 'json',
    name: 'JSON',
    says: 'the model, with the place of everything',
    extension: 'json',
    type: 'application/json',
  },
]

export function Export(props: { model: SystemModel; onSaid: (text: string) => void; onClose: () => void }) {
  const [format, setFormat] = createSignal<Format>(FORMATS[0]!)
  const isPicture = () => format().id === 'svg' || format().id === 'png'
  const text = () => {
    const { id } = format()
    if (id === 'source') return props.model.source
    return id === 'png' ? draw(props.model, { theme: 'light' }) : (drawnAs(props.model, id) ?? '')
  }
  async function save(): Promise<void> {
    const { id, extension, type } = format()
    try {
      const content = id === 'png' ? await pngOf(text()) : text()
      download(`${fileName(props.model.title)}.${extension}`, content, `${type};charset=utf-8`)
      props.onSaid(`Saved as ${extension}.`)
    } catch (failure) {
      props.onSaid((failure as Error).message)
    }
  }
  async function copy(): Promise<void> {
    try {
      await navigator.clipboard.writeText(text())
      props.onSaid('Copied.')
    } catch {
      props.onSaid('The browser did not allow to copy; save it instead.')
    }
  }
  return (
    <Dialog title="Export" class="wide" onClose={props.onClose}>
      <div class="export">
        <fieldset>
          <legend class="hidden">Format</legend>
          <For each={FORMATS}>
            {(one) => (
              <label class="choice">
                <input type="radio" name="format" checked={one.id === format().id} onChange={() => setFormat(one)} />
                <span>
                  <strong>{one.name}</strong>
                  <span class="quiet">{one.says}</span>
                </span>
              </label>
            )}
          </For>
        </fieldset>
        <div class="export-shown">
          <Show
            when={isPicture()}
            fallback={
              <textarea
                readonly
                rows="14"
                aria-label={`The system as ${format().name}`}
                spellcheck={false}
                value={text()}
              />
            }
          >
            <div class="thumbnail">
              <img src={`data:image/svg+xml;charset=utf-8,${encodeURIComponent(text())}`} alt="This system" />
            </div>
          </Show>
          <p class="row">
            <button type="button" class="primary" onClick={() => void save()}>
              Save {format().name}
            </button>
            <Show when={format().id !== 'png'}>
              <button type="button" onClick={() => void copy()}>
                Copy
              </button>
            </Show>
          </p>
        </div>
      </div>
    </Dialog>
  )
}
