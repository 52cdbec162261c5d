// A Backup MX and the domains that it stands in for: is their host there, and whom does it know. While it answers, it is
// asked at RCPT. While it is away, the list of the description says who exists, or what it said before; of whom neither
// knows anything the sender hears "later", and never a yes that would have to be taken back.

import type { ForwardPath } from '../../message/address.ts'
import type { SmtpConnection } from '../../protocols/smtp/client.ts'
import { type Reply, reply, replyText } from '../../protocols/smtp/reply.ts'
import type { Agent, BackedDomain } from '../agent.ts'
import { reversePathOf, type Way } from '../routing.ts'
import { connectTo } from '../transmitter/connect.ts'

/** How long a sender waits for a primary that may be away. */
const ASK_MS = 10_000
const HAND_OVER_MS = 240_000
/** One that did not answer is not asked again for each recipient. */
const SILENT_MS = 30_000
/** What it said of a recipient is true for a while; and while it is away, that it knows him is remembered. */
const ANSWER_KEPT_MS = 300_000
const ANSWERS = 10_000
const KNOWN_MS = 60 * 86_400_000
const NOTED_AGAIN_MS = 86_400_000
const LISTS_READ_AGAIN_MS = 60_000
/** What a primary says at RCPT, to its own backup MX only, of mail that is judged Junk. */
const TAKES_JUNK = 'what is Junk is set aside'
const REFUSES_JUNK = 'what is Junk is refused'
/** Addresses that only the primary can read: bounces on their way back. */
const FOR_THE_PRIMARY = /^(?:srs[01][=+-]|prvs=)/i

export type BackupWay = Extract<Way, { kind: 'backup' }>
type Answer =
  | { readonly kind: 'said'; readonly replies: readonly Reply[] }
  | { readonly kind: 'silent'; readonly why: string }

/** The primaries that an agent stands in for, and whom they know. One for all connections of a Receiver. */
export class Backups {
  readonly #agent: Agent
  readonly #silentUntilMs = new Map<string, number>()
  readonly #answers = new Map<string, { readonly untilMs: number; readonly reply: Reply }>()
  #lists: { readonly atMs: number; readonly addresses: ReadonlySet<string>; readonly isWhole: boolean } | undefined

  constructor(agent: Agent) {
    this.#agent = agent
  }

  /** What is said to RCPT; undefined: mail for this recipient is taken. */
  async refusal({ address, backed }: BackupWay, path: ForwardPath, isBounce: boolean): Promise<Reply | undefined> {
    const { clock } = this.#agent.world
    const key = `${address.toLowerCase()}${isBounce ? ' <>' : ''}`
    const before = this.#answers.get(key)
    if (before !== undefined && before.untilMs > clock.monotonic()) return objection(before.reply)
    const from = isBounce ? '' : `postmaster@${this.#agent.domain}`
    const envelope = {
      reversePath: reversePathOf(from),
      recipients: [{ forwardPath: path }],
      body: '7BIT',
      smtputf8: false,
    } as const
    const answer = await this.#with(backed, ASK_MS, (smtp) => smtp.ask(envelope))
    if (answer.kind === 'silent') return this.#fromMemory(address, backed, answer.why)
    const said = answer.replies[0]!
    // A full mailbox may have room in a moment.
    if (said.code < 400 || said.code >= 500) this.#remember(key, said)
    if (!isBounce) this.#note(address, said, backed.primary?.service === 'lmtp')
    return objection(said)
  }

  /** While the primary is away: what it does with Junk for this address, as far as it has said so. */
  junkIs({ address }: BackupWay): 'taken' | 'refused' | 'unknown' {
    const known = this.#agent.memory.get(knownKey(address)) ?? ''
    return known.endsWith(TAKES_JUNK) ? 'taken' : known.endsWith(REFUSES_JUNK) ? 'refused' : 'unknown'
  }

  /** Hands over what one sender waits for. Never rejects for what the primary does. */
  offer(backed: BackedDomain, mail: Parameters<SmtpConnection['send']>[0]): Promise<Answer> {
    return this.#with(backed, ASK_MS, (smtp) => smtp.send(mail))
  }

  async #with(
    { domain }: BackedDomain,
    patienceMs: number,
    talk: (smtp: SmtpConnection) => Promise<{ readonly recipients: readonly { readonly reply: Reply }[] }>,
  ): Promise<Answer> {
    const { clock } = this.#agent.world
    if ((this.#silentUntilMs.get(domain) ?? 0) > clock.monotonic())
      return { kind: 'silent', why: `the hosts of ${domain} did not answer lately` }
    const deadlineMs = clock.monotonic() + patienceMs
    const opened = await connectTo(this.#agent, domain, { haste: { deadlineMs, dataTerminationMs: HAND_OVER_MS } })
    if (opened.kind === 'failed') return this.#silent(domain, opened.reply)
    const { recipients } = await talk(opened.smtp)
    void opened.smtp.quit()
    const replies = recipients.map((one) => one.reply)
    // 421: it closes the connection, or is gone and these are our own words for that.
    const gone = replies.find(({ code }) => code === 421)
    return gone === undefined ? { kind: 'said', replies } : this.#silent(domain, gone)
  }

  #silent(domain: string, said: Reply): Answer {
    this.#silentUntilMs.set(domain, this.#agent.world.clock.monotonic() + SILENT_MS)
    return { kind: 'silent', why: replyText(said) }
  }

  #remember(key: string, said: Reply): void {
    this.#answers.delete(key)
    if (this.#answers.size >= ANSWERS) this.#answers.delete(this.#answers.keys().next().value!)
    this.#answers.set(key, { untilMs: this.#agent.world.clock.monotonic() + ANSWER_KEPT_MS, reply: said })
  }

  /** For the days on which it cannot be asked. `keeps`: it is the mailstore itself, which sets Junk aside. */
  #note(address: string, said: Reply, keeps: boolean): void {
    const { memory, world } = this.#agent
    const key = knownKey(address)
    const nowMs = world.clock.now()
    if (said.code >= 500) memory.delete(key)
    if (said.code >= 400) return
    const word = keeps ? TAKES_JUNK : [TAKES_JUNK, REFUSES_JUNK].find((one) => said.lines.includes(one))
    const [atMs = '0', ...before] = (memory.get(key) ?? '').split(' ')
    if (Number(atMs) < nowMs - NOTED_AGAIN_MS || before.join(' ') !== (word ?? ''))
      memory.put(key, [nowMs, ...(word === undefined ? [] : [word])].join(' '), nowMs + KNOWN_MS)
  }

  async #fromMemory(address: string, { domain }: BackedDomain, why: string): Promise<Reply | undefined> {
    const name = address.toLowerCase()
    const at = name.lastIndexOf('@')
    const bare = name.slice(0, at).replace(/\+.*$/, '') + name.slice(at)
    const names = [name, bare, `@${domain}`]
    const { addresses, isWhole } = await this.#known()
    if (name === `postmaster@${domain}` || names.some((one) => addresses.has(one))) return undefined
    if (!isWhole && names.some((one) => this.#agent.memory.get(knownKey(one)) !== undefined)) return undefined
    if (isWhole && !FOR_THE_PRIMARY.test(name))
      return reply(550, '5.1.1', `there is no mailbox ${address} at ${domain}`)
    return reply(
      450,
      '4.4.1',
      `the hosts of ${domain} are away, and whether there is a mailbox ${address} is not known here: try again later (${why})`.slice(
        0,
        400,
      ),
    )
  }

  /** The lists of the description; `isWhole`: who is on none of them does not exist. */
  async #known() {
    const { world, settings, log } = this.#agent
    const nowMs = world.clock.monotonic()
    if (this.#lists !== undefined && nowMs - this.#lists.atMs < LISTS_READ_AGAIN_MS) return this.#lists
    const { recipients } = settings.receiver
    const addresses = new Set<string>()
    let isWhole = recipients.length > 0
    for (const one of recipients) {
      if (one.kind === 'address') {
        addresses.add(one.address)
        continue
      }
      const content = await world.disk.readFile(one.name).catch(() => undefined)
      if (content === undefined) {
        isWhole = false
        log('error', `the list of recipients is not there: put the file ${one.name} into the agent's folder`)
        continue
      }
      for (const line of content.toString('utf8').split(/\r?\n/)) {
        const name = line.replace(/#.*/, '').trim().toLowerCase()
        if (name !== '') addresses.add(name)
      }
    }
    this.#lists = { atMs: nowMs, addresses, isWhole }
    return this.#lists
  }
}

/** The primary's side: a recipient is taken, and this becomes of Junk for him. For its own backup MXs only. */
export const welcomeToBackup = (takesJunk: boolean): Reply =>
  reply(250, '2.1.5', 'recipient ok', takesJunk ? TAKES_JUNK : REFUSES_JUNK)

const knownKey = (address: string) => `known recipient ${address.toLowerCase()}`
const objection = (said: Reply) => (said.code < 400 ? undefined : said)
