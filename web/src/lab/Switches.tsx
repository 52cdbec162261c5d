// What if: the switches of a system, turned for all whom they concern, without a change of the text.

import { For, Show } from 'solid-js'
import type { Mail } from './mail.ts'

interface Switch {
  readonly key: string
  readonly name: string
  readonly choices: readonly (readonly [value: string, words: string])[]
}

const ON_OFF = [
  ['yes', 'on'],
  ['no', 'off'],
] as const

const SWITCHES: readonly Switch[] = [
  { key: 'spf', name: 'Senders publish SPF', choices: ON_OFF },
  { key: 'dkim', name: 'Senders sign (DKIM)', choices: ON_OFF },
  {
    key: 'dmarc',
    name: 'Senders’ DMARC policy',
    choices: [
      ['none', 'none'],
      ['quarantine', 'quarantine'],
      ['reject', 'reject'],
    ],
  },
  { key: 'srs', name: 'Forwarders rewrite (SRS)', choices: ON_OFF },
  { key: 'arc', name: 'Forwarders seal (ARC)', choices: ON_OFF },
  {
    key: 'modifies',
    name: 'Changed on the way',
    choices: [
      ['no', 'nothing'],
      ['subject', 'the subject'],
      ['footer', 'a line below it'],
    ],
  },
  {
    key: 'trust',
    name: 'Forwarders are trusted',
    choices: [
      ['yes', 'by all'],
      ['no', 'by nobody'],
    ],
  },
]

export function Switches(props: { mail: Mail }) {
  return (
    <fieldset class="switches">
      <legend>What if …</legend>
      <For each={SWITCHES}>
        {({ key, name, choices }) => (
          <label classList={{ turned: (props.mail.turned()[key] ?? '') !== '' }}>
            <span>{name}</span>
            <select
              value={props.mail.turned()[key] ?? ''}
              onChange={(event) => props.mail.turn(key, event.currentTarget.value)}
            >
              <option value="">as written</option>
              <For each={choices}>{([value, words]) => <option value={value}>{words}</option>}</For>
            </select>
          </label>
        )}
      </For>
      <Show when={props.mail.switches() !== ''}>
        <button type="button" class="plain" onClick={() => props.mail.reset()}>
          All as written
        </button>
      </Show>
    </fieldset>
  )
}
