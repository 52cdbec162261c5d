// What the signs, the roles of this text and the results mean, for who sees them for the first time.

import { For } from 'solid-js'
import type { SystemModel } from '../../../src/notation/model.ts'
import { roleSays } from '../../../src/notation/vocabulary.ts'
import { ARROW_SAYS, BORDER_SAYS, JOIN_SAYS } from '../../../src/notation/words.ts'
import { PROOF_NAMES } from './proofs.ts'
import { sentence } from './sentence.ts'

type Meaning = readonly [sign: string, says: string]

const SIGNS: readonly Meaning[] = [
  ['-->', ARROW_SAYS.flow],
  ['==>', ARROW_SAYS.direct],
  ['~~>', ARROW_SAYS.indirect],
  ['/', `between arrows: ${BORDER_SAYS}`],
  ['MSA/Transmitter', JOIN_SAYS],
  ['@name', 'who it is, so that he can be named again; who is not named is called by his role'],
  ['name: key=value', 'a setting of one of them, on a line of its own below; without it he has a working default'],
]
const PROOFS: readonly Meaning[] = [
  ...PROOF_NAMES.map(({ name, asks }): Meaning => [name, asks]),
  [
    'SRS',
    'A Forwarder writes an address of his own into the envelope, so that SPF speaks of him and a bounce finds back',
  ],
]

export function Legend(props: { model: SystemModel }) {
  const roles = (): Meaning[] =>
    [...new Set(props.model.blocks.flatMap(({ roles }) => roles))].flatMap((role): Meaning[] => {
      const says = roleSays(role)
      return says === undefined ? [] : [[role, says]]
    })
  return (
    <details class="legend">
      <summary>New here? What it all means</summary>
      <Part title="The signs" all={SIGNS} />
      <Part title="The roles of this text" all={roles()} />
      <Part title="What Receivers check" all={PROOFS} />
    </details>
  )
}

function Part(props: { title: string; all: readonly Meaning[] }) {
  return (
    <>
      <h3>{props.title}</h3>
      <dl>
        <For each={props.all}>
          {([sign, says]) => (
            <div>
              <dt>
                <code>{sign}</code>
              </dt>
              <dd>{sentence(says)}</dd>
            </div>
          )}
        </For>
      </dl>
    </>
  )
}
