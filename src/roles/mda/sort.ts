// MDA: what a Recipient's own script wants done with a message (Sieve, RFC 5228), and his answer while away (RFC 8621 §8).
// Asked at the Border, before the reply: so a refusal is a refusal, and everything else is in the commit of the 250.
// Nothing here writes anything; carry-out.ts makes commands of it.

import { createHash } from 'node:crypto'
import { multipart, serialize, textEntity } from '../../message/build.ts'
import type { Action, Failure, RejectAction } from '../../protocols/sieve/actions.ts'
import { checkScript } from '../../protocols/sieve/check.ts'
import type { Program } from '../../protocols/sieve/language.ts'
import { type Outcome, type RunContext, runScript } from '../../protocols/sieve/run.ts'
import { findingText } from '../../protocols/sieve/syntax.ts'
import type { Mailbox, SpecialUse } from '../../store/nouns/mail.ts'
import type { Account, SieveScript, VacationResponse } from '../../store/nouns/people.ts'
import type { Agent } from '../agent.ts'
import { isCorrespondent } from '../correspondents.ts'

/** One message for one Recipient, as it would be kept. */
export interface Arrival {
  readonly account: Account
  /** The Recipient as the envelope has him. */
  readonly address: string
  /** '' is the null reverse-path. */
  readonly reversePath: string
  /** With Return-Path and all fields of ours. */
  readonly message: Buffer
  /** Who signed in here to send it. */
  readonly author?: string | undefined
  /** What the Border would do with it. */
  readonly verdict: 'inbox' | 'junk'
  /** 0 to 1; undefined where nothing was weighed. */
  readonly spam?: number | undefined
  /** RFC 5235 §3.2: 1 is clean, 5 is certain; undefined where nothing looked. */
  readonly virus?: number | undefined
  readonly remote?: { readonly ip: string; readonly name?: string | undefined } | undefined
}

const DAY_S = 86_400
const MOST_COMPILED = 1000

interface Compiled {
  /** What was compiled: names and bodies of all scripts of the account. */
  readonly key: string
  readonly program: Program | undefined
  readonly problem: string
}

const compiled = new WeakMap<Agent, Map<number, Compiled>>()

/** Has this Recipient anything to say about his mail. */
export function sorts(agent: Agent, { id }: Account): boolean {
  return agent.store.vacation(id)?.isEnabled === true || agent.store.scripts(id).some(({ isActive }) => isActive)
}

/** What is to be done with the message; undefined where the Recipient has no say in it. @throws DiskError */
export async function sort(agent: Agent, arrival: Arrival): Promise<Outcome | undefined> {
  const { store } = agent
  const { id } = arrival.account
  const scripts = store.scripts(id)
  const active = scripts.find(({ isActive }) => isActive)
  const away = answerOf(store.vacation(id), agent.world.clock.now())
  if (active === undefined && away === undefined) return undefined
  const outcome = active === undefined ? keptAsItCame(agent, arrival) : await scripted(agent, arrival, active, scripts)
  const answers = outcome.actions.some(({ kind }) => kind === 'vacation' || kind === 'reject' || kind === 'ereject')
  return away === undefined || answers ? outcome : { ...outcome, actions: [...outcome.actions, away] }
}

const KEEP: Program = { name: undefined, calls: [], required: new Set() }

function keptAsItCame(agent: Agent, arrival: Arrival): Outcome {
  return runScript(KEEP, arrival.message, contextOf(agent, arrival))
}

async function scripted(
  agent: Agent,
  arrival: Arrival,
  active: SieveScript,
  scripts: readonly SieveScript[],
): Promise<Outcome> {
  const { program, problem } = await programOf(agent, arrival.account, active, scripts)
  if (program !== undefined) return runScript(program, arrival.message, contextOf(agent, arrival))
  const failure: Failure = { line: 1, column: 1, message: problem, script: undefined }
  return { ...keptAsItCame(agent, arrival), failure }
}

/** The checked script: kept until one of the account's scripts changes. @throws DiskError */
async function programOf(
  agent: Agent,
  account: Account,
  active: SieveScript,
  scripts: readonly SieveScript[],
): Promise<Compiled> {
  let cache = compiled.get(agent)
  if (cache === undefined) compiled.set(agent, (cache = new Map()))
  const key = scripts.map(({ name, blob, isActive }) => `${isActive} ${blob.hash} ${name}`).join('\0')
  const known = cache.get(account.id)
  if (known?.key === key) return known
  const sources = new Map<string, Buffer>()
  for (const { name, blob } of scripts) {
    const source = await agent.store.readBlob(blob)
    if (source !== undefined) sources.set(name, source)
  }
  const source = sources.get(active.name) ?? Buffer.alloc(0)
  const { program, findings } = checkScript(source, {
    script: (location, name) => (location === 'personal' ? sources.get(name) : undefined),
  })
  const problem = findings.filter(({ level }) => level === 'error').map(findingText)[0] ?? ''
  const made = { key, program, problem }
  if (cache.size >= MOST_COMPILED) cache.delete(cache.keys().next().value!)
  cache.set(account.id, made)
  return made
}

/** SHA-256 of what a script must know again, as the store keeps it. */
export function seenKey(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

const USES: ReadonlySet<string> = new Set([
  'inbox',
  'drafts',
  'sent',
  'trash',
  'junk',
  'archive',
] satisfies SpecialUse[])

/** The mailbox that has this use (`\\Junk`). */
export function mailboxOfUse(agent: Agent, account: Account, use: string): Mailbox | undefined {
  const name = use.replace(/^\\/, '').toLowerCase()
  return USES.has(name) ? agent.store.mailboxByUse(account.id, name) : undefined
}

/** The mailbox with this id, as IMAP (F7) or JMAP (m7) names it. */
export function mailboxOfId(agent: Agent, account: Account, id: string): Mailbox | undefined {
  const number = /^[Fm]([1-9][0-9]{0,14})$/.exec(id)?.[1]
  return number === undefined ? undefined : agent.store.mailbox(account.id, Number(number))
}

/** The list of everybody to whom the owner has written (RFC 6134 §2.7). */
const ADDRESS_BOOK = /^(?:urn:ietf:params:sieve|):addrbook:default$/

function contextOf(agent: Agent, arrival: Arrival): RunContext {
  const { store, world } = agent
  const { account, remote } = arrival
  const nowMs = world.clock.now()
  return {
    envelopeFrom: arrival.reversePath,
    envelopeTo: arrival.address,
    envelopeAuth: arrival.author,
    nowMs,
    offsetMinutes: 0,
    environment: {
      name: 'Borderpost Sieve',
      location: 'MDA',
      phase: 'during',
      domain: agent.domain,
      host: agent.hostName,
      ...(remote === undefined ? {} : { 'remote-ip': remote.ip, 'remote-host': remote.name ?? '' }),
    },
    delimiter: '+',
    mailboxExists: (name) => store.mailboxByPath(account.id, name) !== undefined,
    mailboxIdExists: (id) => mailboxOfId(agent, account, id) !== undefined,
    specialUseExists(use, name) {
      const mailbox = mailboxOfUse(agent, account, use)
      return mailbox !== undefined && (name === undefined || store.mailboxByPath(account.id, name)?.id === mailbox.id)
    },
    metadata: (name, entry) => annotationOf(agent, account, name, entry),
    list: (name) =>
      ADDRESS_BOOK.test(name) ? { has: (address) => isCorrespondent(agent, account.id, address) } : undefined,
    isDuplicate: (key) => store.isSeen(account.id, seenKey(key), nowMs),
    spam: arrival.spam,
    virus: arrival.virus,
  }
}

/** What is noted of a mailbox, or of the account where none is named (RFC 5490 §3.1; RFC 5464): shared, or the owner's own. */
function annotationOf(agent: Agent, account: Account, name: string | undefined, entry: string): string | undefined {
  const mailbox = name === undefined ? 0 : agent.store.mailboxByPath(account.id, name)?.id
  const [, scope, rest] = /^\/(shared|private)(\/.*)$/i.exec(entry) ?? []
  if (mailbox === undefined || scope === undefined) return undefined
  const reader = scope.toLowerCase() === 'shared' ? 0 : account.id
  const found = agent.store.access
    .annotations(account.id, mailbox, account.id)
    .find((one) => one.reader === reader && one.entry.toLowerCase() === rest!.toLowerCase())
  return found?.value.toString('utf8')
}

/** The answer while away as an action of vacation, if it is time for it. */
function answerOf(response: VacationResponse | undefined, nowMs: number): Action | undefined {
  if (response === undefined || !response.isEnabled) return undefined
  if (nowMs < (response.fromMs ?? Number.NEGATIVE_INFINITY) || nowMs >= (response.toMs ?? Number.POSITIVE_INFINITY))
    return undefined
  const { subject, textBody, htmlBody } = response
  const plain = textBody ?? ''
  const parts = [textEntity('plain', plain), textEntity('html', htmlBody ?? '')]
  const handle = seenKey(`vacation response ${JSON.stringify(response)}`)
  return {
    kind: 'vacation',
    periodS: 7 * DAY_S,
    subject: subject ?? undefined,
    from: undefined,
    addresses: [],
    mime: htmlBody !== null,
    reason:
      htmlBody === null ? plain : serialize(multipart('alternative', parts, `=_${handle.slice(0, 32)}`)).toString(),
    handle,
    fcc: undefined,
  }
}

/** The message is to be refused. */
export const isRefusal = (action: Action): action is RejectAction =>
  action.kind === 'reject' || action.kind === 'ereject'

const MOST_LINES = 20
const LONGEST_LINE = 400

/** The owner's words as an SMTP reply can say them. */
export function replyLines(reason: string): string[] {
  const lines = reason.split(/\r?\n/).map((line) =>
    line
      .replace(/[^\x20-\x7e]/g, '?')
      .trim()
      .slice(0, LONGEST_LINE),
  )
  const said = lines.filter((line) => line !== '').slice(0, MOST_LINES)
  return said.length > 0 ? said : ['the recipient does not want this message']
}
