// What became of the proofs of each letter, at every hop at which somebody looked at them, and where it ended. Nothing is
// concluded from a rule: it is read from what the agents recorded while they handled the letter.

import { isWithin } from '../../identity/domain.ts'
import { checkHost } from '../../identity/spf/spf.ts'
import type { TrackEvent } from '../../store/nouns/tracking.ts'
import type { RunningAgent } from '../../system/agent.ts'
import { type FlowLetter, lettersOf, type Skipped } from './letters.ts'
import { type Sent, type Stage, send } from './stage.ts'

export const PROOFS = ['spf', 'helo', 'dkim', 'dmarc', 'arc'] as const
export type Proof = (typeof PROOFS)[number]

/** One agent that looked at the letter. */
export interface HopRow {
  readonly agent: string
  readonly proofs: Readonly<Record<Proof, string>>
  /** What it did with it. */
  readonly does: string
  readonly why: string
  /** How it came to its results, where it kept that. */
  readonly steps: readonly string[]
}

export type End = 'inbox' | 'Junk' | 'refused' | 'bounced' | 'waiting' | 'nowhere'

export interface FlowResult {
  readonly letter: FlowLetter
  readonly hops: readonly HopRow[]
  /** Agents of the drawing that mail comes to across the Border, and that this letter did not pass. */
  readonly missed: readonly string[]
  readonly end: End
  /** Whose mailbox, which reply, which queue. */
  readonly where: string
}

export interface Survival {
  readonly results: readonly FlowResult[]
  readonly skipped: readonly Skipped[]
}

export interface SurvivalOptions {
  /** For who is asked to come again. */
  readonly tries?: number
  /** A letter is where it ends; the next is not written yet. */
  readonly onSent?: (letter: FlowLetter) => void
}

/** Sends a letter along every flow and tells what became of each. */
export async function survival(stage: Stage, { tries = 5, onSent }: SurvivalOptions = {}): Promise<Survival> {
  const { letters, skipped } = lettersOf(stage.plan)
  const sent: Sent[] = []
  // One after the other: what a Receiver learned from the first is the same at the second, wherever this plays.
  for (const letter of letters) {
    sent.push(await stage.finish(send(stage, letter, tries)))
    await stage.rest()
    onSent?.(letter)
  }
  const results: FlowResult[] = []
  for (const one of sent) results.push(await stage.finish(resultOf(stage, one)))
  return { results, skipped }
}

async function resultOf(stage: Stage, { letter, messageId, reply, isTaken }: Sent): Promise<FlowResult> {
  const seen = stage.plan.agents.map(({ id }) => ({
    agent: stage.agent(id),
    events: eventsOf(stage.agent(id), messageId),
  }))
  const rank = (id: string) => {
    const at = letter.path.indexOf(id)
    return at < 0 ? letter.path.length : at
  }
  const hops: HopRow[] = []
  for (const { agent, events } of seen.toSorted((a, b) => rank(a.agent.plan.id) - rank(b.agent.plan.id))) {
    const row = await rowOf(agent, events, messageId, letter)
    if (row !== undefined) hops.push(row)
  }
  const isPassed = (id: string) => seen.some(({ agent, events }) => agent.plan.id === id && events.length > 0)
  const missed = letter.path.filter((id) => !isPassed(id))
  const mailbox = mailboxOf(stage, letter.recipient, messageId)
  if (mailbox !== undefined) return { letter, hops, missed, end: mailbox, where: `of ${letter.recipient}` }
  const all = seen.flatMap(({ agent, events }) => events.map((event) => ({ ...event, agent: agent.plan.id })))
  const said = ({ detail, text }: TrackEvent) => (typeof detail.reply === 'string' ? detail.reply : text)
  const bounced = all.find(({ kind }) => kind === 'bounced')
  if (!isTaken || bounced !== undefined) {
    const at = all.findLast(({ kind, role }) => kind === 'refused' && role === 'Receiver')?.agent ?? letter.first.id
    const words = bounced === undefined ? reply : said(bounced)
    return { letter, hops, missed, end: 'refused', where: `by ${at}: ${anonymous(words)}` }
  }
  const holder = seen.find(({ agent }) => agent.agent.store.queue.length() > 0)
  if (holder !== undefined)
    return { letter, hops, missed, end: 'waiting', where: `in the queue of ${holder.agent.plan.id}` }
  return { letter, hops, missed, end: 'nowhere', where: 'and nobody said why' }
}

/** Without what is another at each run: the name under which a message is kept. */
const anonymous = (text: string) =>
  text.replace(/ \((?:kept here as|id) \w+\)/g, '').replace(/\bas [0-9a-z]{12}\b/g, '')

const MOST_EVENTS = 1000

/** Those with the Message-ID, and those of the same acceptances. */
function eventsOf({ agent }: RunningAgent, messageId: string): TrackEvent[] {
  const own = agent.store.events({ messageId, limit: MOST_EVENTS })
  const traces = new Set(own.map(({ trace }) => trace))
  const all = [...own, ...[...traces].flatMap((trace) => agent.store.events({ trace, limit: MOST_EVENTS }))]
  return [...new Map(all.map((event) => [event.id, event])).values()].sort((a, b) => a.id - b.id)
}

async function rowOf(
  { plan, agent }: RunningAgent,
  events: readonly TrackEvent[],
  messageId: string,
  { from, recipient }: FlowLetter,
): Promise<HopRow | undefined> {
  const all = events.filter(({ detail }) => typeof detail.spf === 'string' && typeof detail.ip === 'string')
  const looked = all.find(({ forwardPath }) => forwardPath.toLowerCase() === recipient.toLowerCase()) ?? all[0]
  if (looked === undefined) return undefined
  const word = (key: string) => String(looked.detail[key] ?? 'none')
  const { dns, clock } = agent.world
  const question = { ip: word('ip'), helo: word('helo'), sender: '', receiver: agent.hostName }
  const helo = (await checkHost(question, dns, clock)).result
  const author = from.slice(from.lastIndexOf('@') + 1).toLowerCase()
  const emails = (accounts: readonly { readonly id: number }[]) =>
    accounts
      .flatMap(({ id }) => agent.store.emails(id, agent.store.listEmails(id, {}, 'oldest')))
      .find((one) => one.messageId.includes(messageId))
  const account = agent.store.accountByAddress(recipient)
  const verdict = emails(account === undefined ? agent.store.accounts() : [account])?.verdict
  const reason = verdict?.reason ?? String(looked.detail.reason ?? '')
  return {
    agent: plan.id,
    proofs: {
      spf: ofWhom(word('spf'), word('spfDomain'), author),
      helo,
      dkim: signatures(looked.detail.signatures, author) ?? word('dkim'),
      dmarc: word('dmarc'),
      arc: word('arc'),
    },
    does: doesOf(events, recipient),
    why: anonymous(reason === '' ? looked.text : reason),
    steps: verdict?.steps ?? keptSteps(looked),
  }
}

/** What was refused is in no mailbox: its event tells how the Border came to its results. */
const keptSteps = ({ detail: { steps } }: TrackEvent): string[] =>
  Array.isArray(steps) ? steps.filter((step) => typeof step === 'string') : []

/** A pass for another domain than the Author's says which. */
const ofWhom = (result: string, domain: string, author: string) =>
  result === 'pass' && !isWithin(domain.toLowerCase(), author) ? `${result} (${domain})` : result

/** What the signatures of the Author's domain came to, and whose else passed. */
function signatures(kept: unknown, author: string): string | undefined {
  if (!Array.isArray(kept) || kept.length === 0) return undefined
  const all = (kept as { domain: string; result: string }[]).map(({ domain, result }) => ({ domain, result }))
  const own = all.filter(({ domain }) => isWithin(domain, author))
  const passed = (list: typeof all) => list.find(({ result }) => result === 'pass')
  const other = passed(all.filter((one) => !own.includes(one)))
  const results = [
    ...(own.length > 0 ? [(passed(own) ?? own[0]!).result] : []),
    ...(other === undefined ? [] : [`pass (${other.domain})`]),
  ]
  return results.length === 0 ? undefined : results.join(', ')
}

const WORDS: Partial<Record<TrackEvent['kind'], string>> = {
  forwarded: 'passes it on',
  refused: 'refuses it',
  deferred: 'asks to come again',
}

/** To the Recipient of the letter, where he is here; a list may have sent it to others, too. */
function doesOf(all: readonly TrackEvent[], recipient: string): string {
  const isHis = ({ forwardPath }: TrackEvent) => forwardPath.toLowerCase() === recipient.toLowerCase()
  const his = all.filter(isHis)
  const events = his.some(({ kind }) => kind === 'delivered') ? his : all
  const words = events.flatMap(({ kind, role, detail }) => {
    if (kind === 'delivered') return [detail.mailbox === 'junk' ? 'Junk' : 'inbox']
    if (kind === 'transmitted' && role === 'Receiver') return ['hands it over']
    return role === 'Receiver' || role === 'Forwarder' ? (WORDS[kind] ?? []) : []
  })
  return [...new Set(words)].join(', ')
}

/** In which of the Recipient's mailboxes it is. */
function mailboxOf(stage: Stage, address: string, messageId: string): 'inbox' | 'Junk' | undefined {
  for (const { id } of stage.plan.agents) {
    const { store } = stage.agent(id).agent
    const account = store.accountByAddress(address)
    if (account === undefined) continue
    for (const use of ['inbox', 'junk'] as const) {
      const mailbox = store.mailboxByUse(account.id, use)
      if (mailbox === undefined) continue
      const ids = store.placements(account.id, mailbox.id).map(({ email }) => email)
      if (store.emails(account.id, ids).some((one) => one.messageId.includes(messageId)))
        return use === 'inbox' ? 'inbox' : 'Junk'
    }
  }
  return undefined
}

/** Every cell of the table, by its place: what predictions and reality are compared by. */
export function cellsOf({ results }: Survival): Map<string, string> {
  const cells = new Map<string, string>()
  for (const { letter, hops, end, where } of results) {
    const flow = `flow ${letter.flow + 1}`
    for (const { agent, proofs, does } of hops) {
      for (const proof of PROOFS) cells.set(`${flow} at ${agent}: ${proof}`, proofs[proof])
      cells.set(`${flow} at ${agent}: does`, does)
    }
    cells.set(`${flow}: end`, end === 'refused' ? `${end} ${/\d{3} \d\.\d+\.\d+/.exec(where)?.[0] ?? ''}`.trim() : end)
  }
  return cells
}
