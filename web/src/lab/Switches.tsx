// What if: the switches of a system, turned for all whom they concern or for one, without a change of the text.

import { createMemo, createSignal, For, Show } from 'solid-js'
import { switchesOf } from '../../../src/lab/simulate/concerned.ts'
import type { Actor } from '../../../src/notation/model.ts'
import { ALL, type Mail, type Turned } from './mail.ts'

interface Switch {
  readonly key: string
  /** Of all whom it concerns, and of one. */
  readonly name: string
  readonly one: string
  readonly choices: readonly (readonly [value: string, words: string])[]
}

const ON_OFF = [
  ['yes', 'on'],
  ['no', 'off'],
] as const
const SWITCHES: readonly Switch[] = [
  { key: 'spf', name: 'Senders publish SPF', one: 'Publishes SPF', choices: ON_OFF },
  { key: 'dkim', name: 'Senders sign (DKIM)', one: 'Signs (DKIM)', choices: ON_OFF },
  {
    key: 'dmarc',
    name: 'Senders’ DMARC policy',
    one: 'DMARC policy',
    choices: [
      ['none', 'none'],
      ['quarantine', 'quarantine'],
      ['reject', 'reject'],
    ],
  },
  { key: 'srs', name: 'Forwarders rewrite (SRS)', one: 'Rewrites (SRS)', choices: ON_OFF },
  { key: 'arc', name: 'Forwarders seal (ARC)', one: 'Seals (ARC)', choices: ON_OFF },
  {
    key: 'modifies',
    name: 'Changed on the way',
    one: 'Changes',
    choices: [
      ['no', 'nothing'],
      ['subject', 'the subject'],
      ['footer', 'a line below it'],
    ],
  },
  {
    key: 'trust',
    name: 'Forwarders are trusted',
    one: 'Trusts Forwarders',
    choices: [
      ['yes', 'by all'],
      ['no', 'by nobody'],
    ],
  },
]
/** Of one who trusts. */
const ALL_OR_NONE = [
  ['yes', 'all'],
  ['no', 'none'],
] as const

export function Switches(props: { mail: Mail; actors: readonly Actor[] }) {
  const [chosen, setChosen] = createSignal(ALL)
  const askable = createMemo(() => props.actors.filter((actor) => switchesOf(actor).length > 0))
  const actor = () => askable().find(({ id }) => id === chosen())
  /** Who was chosen may be gone from the text. */
  const of = () => actor()?.id ?? ALL
  const shown = () => {
    const one = actor()
    return one === undefined ? SWITCHES : SWITCHES.filter(({ key }) => switchesOf(one).includes(key))
  }
  const choicesOf = ({ key, choices }: Switch) => (key === 'trust' && of() !== ALL ? ALL_OR_NONE : choices)
  const valueFor = (key: string) => props.mail.turned().find((one) => one.of === of() && one.key === key)?.value ?? ''
  return (
    <fieldset class="switches">
      <legend>What if …</legend>
      <label class="whom" classList={{ turned: of() !== ALL }}>
        <span>For whom</span>
        <select value={of()} onChange={(event) => setChosen(event.currentTarget.value)}>
          <option value={ALL}>everybody</option>
          <For each={askable()}>
            {({ id, roles }) => (
              <option value={id} selected={id === of()}>
                {id} ({roles.join('/')})
              </option>
            )}
          </For>
        </select>
      </label>
      <For each={shown()}>
        {(one) => (
          <label classList={{ turned: valueFor(one.key) !== '' }}>
            <span>{of() === ALL ? one.name : one.one}</span>
            <select
              value={valueFor(one.key)}
              onChange={(event) => props.mail.turn(of(), one.key, event.currentTarget.value)}
            >
              <option value="">as written</option>
              <For each={choicesOf(one)}>
                {([value, words]) => (
                  <option value={value} selected={value === valueFor(one.key)}>
                    {words}
                  </option>
                )}
              </For>
            </select>
          </label>
        )}
      </For>
      <Show when={props.mail.turned().length > 0}>
        <div class="turned-list">
          <ul aria-label="Turned switches">
            <For each={props.mail.turned()}>{(one) => <TurnedSwitch mail={props.mail} turned={one} />}</For>
          </ul>
          <button type="button" class="plain" onClick={() => props.mail.reset()}>
            All as written
          </button>
          <p class="quiet">
            The same with the command: <code>borderpost simulate FILE --what-if "{props.mail.switches()}"</code>
          </p>
        </div>
      </Show>
    </fieldset>
  )
}

function TurnedSwitch(props: { mail: Mail; turned: Turned }) {
  const known = () => SWITCHES.find(({ key }) => key === props.turned.key)!
  const words = () => {
    const { of, key, value } = props.turned
    const choices = key === 'trust' && of !== ALL ? ALL_OR_NONE : known().choices
    const chosen = choices.find(([one]) => one === value)![1]
    return of === ALL ? `${known().name}: ${chosen}` : `${of}: ${known().one}: ${chosen}`
  }
  return (
    <li>
      {words()}{' '}
      <button
        type="button"
        class="plain"
        aria-label={`As written again: ${words()}`}
        title="As written again"
        onClick={() => props.mail.turn(props.turned.of, props.turned.key, '')}
      >
        ×
      </button>
    </li>
  )
}
