// The gallery, as pictures to choose from.

import { For } from 'solid-js'
import { draw } from '../../../src/notation/draw.ts'
import { parse } from '../../../src/notation/parse.ts'
import { svgUrl } from '../api.ts'
import { Dialog } from '../parts/Dialog.tsx'
import { type Example, GALLERY } from './gallery.ts'

export function Gallery(props: { onChoose: (example: Example) => void; onClose: () => void }) {
  return (
    <Dialog title="Gallery: email systems of all kinds" class="wide" onClose={props.onClose}>
      <ul class="gallery">
        <For each={GALLERY}>
          {(example) => (
            <li>
              <button type="button" onClick={() => props.onChoose(example)}>
                <span class="thumbnail">
                  <img src={thumbnailOf(example)} alt="" loading="lazy" />
                </span>
                <strong>{nameOf(example)}</strong>
                <span class="quiet">{example.title}</span>
              </button>
            </li>
          )}
        </For>
      </ul>
    </Dialog>
  )
}

/** Its words stand below it. */
const thumbnailOf = ({ text }: Example) => svgUrl(draw(parse(text.replace(/^(#.*\n)+/, '')).model, { legend: false }))

function nameOf({ name }: Example): string {
  const words = name.replace(/-/g, ' ').replace(/\b(mx|srs|arc|dkim|isp|mda)\b/g, (word) => word.toUpperCase())
  return words[0]!.toUpperCase() + words.slice(1)
}
