// What if: a system with some of its switches turned, and which cells of the table become others by it, and why. Switches
// are the attributes of a description, for all whom they concern, or for one: `srs=no, old:arc=no, trust=no`.

import type { Actor, SystemModel } from '../../notation/model.ts'
import { KEYS } from '../../system/keys.ts'
import type { Reader } from '../../system/values.ts'
import { isTrusting, PASSERS, SENDERS } from './concerned.ts'
import { cellsOf, PROOFS, type Survival } from './survival.ts'

export interface Switch {
  /** An actor's id; undefined: all whom it concerns. */
  readonly of: string | undefined
  readonly key: string
  readonly value: string
}

/** A cell that is another, and what the checks said at that hop after the change. */
export interface Change {
  readonly cell: string
  readonly before: string
  readonly after: string
  readonly why: readonly string[]
}

/** Whom a switch concerns, where it is not everybody. */
const CONCERNS: Readonly<Record<string, (actor: Actor) => boolean>> = {
  dkim: SENDERS,
  spf: SENDERS,
  dmarc: SENDERS,
  srs: PASSERS,
  arc: PASSERS,
  modifies: PASSERS,
  'list-footer': PASSERS,
  'from-rewrite': PASSERS,
}

/** The switches, or a sentence that says what is wrong with them. */
export function parseSwitches(text: string): Switch[] | string {
  const switches: Switch[] = []
  for (const word of text.split(/,(?=\s*(?:[^\s,:=]+:)?[\w-]+=)/)) {
    const [, of, key, value] = /^\s*(?:([^\s,:=]+):)?([\w-]+)=(.*?)\s*$/.exec(word) ?? []
    if (key === undefined || value === undefined)
      return `"${word}" is no switch: write srs=no, or old:srs=no for one agent.`
    const isTrust = key === 'trust' && (value === 'yes' || value === 'no')
    if (!isTrust) {
      if (!Object.hasOwn(KEYS.agent, key))
        return `There is no switch "${key}": write trust=yes, trust=no, or an attribute of an agent (docs/attributes.md).`
      const read = (KEYS.agent as Record<string, Reader<unknown>>)[key]!(value)
      if (!read.ok) return `"${value}" is not a value for ${key}: write ${read.expected}.`
    }
    switches.push({ of, key, value })
  }
  return switches
}

/** The model with the switches of a text turned (none: as it is), or a sentence that says what is wrong with them. */
export function turned(model: SystemModel, text: string): SystemModel | string {
  if (text.trim() === '') return model
  const switches = parseSwitches(text)
  if (typeof switches === 'string') return switches
  try {
    return switched(model, switches)
  } catch (error) {
    return (error as Error).message
  }
}

/** The model with the switches turned. @throws Error when one names somebody who is not there, or has no such switch */
export function switched(model: SystemModel, switches: readonly Switch[]): SystemModel {
  const changed = structuredClone(model)
  for (const { of, key, value } of switches) {
    const one = changed.actors.find(({ id }) => id === of)
    if (of !== undefined && one === undefined) throw new Error(nobody(changed, of))
    if (key === 'trust') trust(changed, value === 'yes', one)
    else if (one === undefined) {
      for (const actor of changed.actors)
        if (actor.kind === 'agent' && (CONCERNS[key]?.(actor) ?? true)) say(changed, actor, key, value)
    } else if (one.kind === 'agent') say(changed, one, key, value)
    else
      throw new Error(
        `"${key}" is said of an agent, and ${one.id} is a person: write ${key}=${value}, or name an agent.`,
      )
  }
  return changed
}

const nobody = ({ actors }: SystemModel, of: string) =>
  `Nobody here is called "${of}". There are: ${actors.map(({ id }) => id).join(', ')}.`

/** Every Recipient trusts every Forwarder, or none; or one Recipient, or all whose mailboxes one MDA has. */
function trust(model: SystemModel, isTrusted: boolean, one: Actor | undefined): void {
  if (one !== undefined && !isTrusting(one))
    throw new Error(`Recipients trust, and MDAs for theirs: ${one.id} is ${one.roles.join('/')}.`)
  forget(model, one)
  if (!isTrusted) return
  const passers = model.actors.filter(PASSERS)
  const trusting = one === undefined ? model.actors.filter((actor) => actor.roles.includes('Recipient')) : [one]
  for (const who of trusting) for (const { id } of passers) if (id !== who.id) say(model, who, 'trusts', id)
}

/** Whom he trusts, or anybody, is not written any more; what a line says of others with him still is. */
function forget(model: SystemModel, one: Actor | undefined): void {
  const isHis = (ref: string) => one === undefined || ref === one.id || one.blocks.includes(ref)
  model.attributes = model.attributes.flatMap((line) => {
    const rest = line.entries.filter(({ key }) => key !== 'trusts' && key !== 'trusts-seals')
    const [his, others] = [line.refs.filter(isHis), line.refs.filter((ref) => !isHis(ref))]
    if (rest.length === line.entries.length || (his.length === 0 && one !== undefined)) return [line]
    const kept = others.length > 0 ? [{ ...line, refs: others }] : []
    return [{ ...line, refs: his, entries: rest }, ...kept]
  })
}

function say(model: SystemModel, actor: Actor, key: string, value: string): void {
  const span = { start: 0, end: 0, line: 1, column: 1 }
  const entries = [{ key, value, keySpan: span, valueSpan: span }]
  model.attributes.push({ kind: 'actor', target: actor.id, targetSpan: span, entries, refs: [actor.id], span })
}

/** Which cells are others, in the order of the table. */
export function changes(before: Survival, after: Survival): Change[] {
  const [old, now] = [cellsOf(before), cellsOf(after)]
  return [...new Set([...old.keys(), ...now.keys()])].flatMap((cell) => {
    const [a, b] = [old.get(cell) ?? 'not reached', now.get(cell) ?? 'not reached']
    return a === b ? [] : [{ cell, before: a, after: b, why: whyOf(after, cell) }]
  })
}

/** The steps of the check that a cell is about; of an end, the reason that was given. */
function whyOf({ results }: Survival, cell: string): string[] {
  const [, number, agent, what] = /^flow (\d+)(?: at (.+))?: (\w+)$/.exec(cell)!
  const result = results.find(({ letter }) => letter.flow + 1 === Number(number))
  const hop = agent === undefined ? result?.hops.at(-1) : result?.hops.find((one) => one.agent === agent)
  if (hop === undefined) return []
  const proof = PROOFS.find((one) => one === what)
  if (proof === undefined) return [hop.why]
  return hop.steps.filter((step) => step.toLowerCase().startsWith(`${proof}:`))
}
