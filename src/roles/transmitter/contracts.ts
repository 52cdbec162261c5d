// What a Transmitter knows of those it carries mail for: who they are (password, certificate, network), whether their domains
// are proven to be theirs, what they have sent each day, and whether an administrator has suspended them. What must outlast
// a crash lies in the store.

import { createHmac } from 'node:crypto'
import { Guesses } from '../../filter/guesses.ts'
import { inNetwork } from '../../filter/lists.ts'
import { RateLimit } from '../../filter/rate.ts'
import { isWithin } from '../../identity/domain.ts'
import type { PasswordVerdict, ScramLookup } from '../../protocols/sasl/accounts.ts'
import { type Reply, reply } from '../../protocols/smtp/reply.ts'
import { type ContractDay, contractDay } from '../../store/apply/contract-counts.ts'
import type { Command } from '../../store/commands.ts'
import type { ContractCounts } from '../../store/nouns/outgoing.ts'
import type { AdminAnswer } from '../administer.ts'
import type { Agent, ContractTerms } from '../agent.ts'
import { keyOfCertificate } from '../certificates.ts'
import { contractReport, suspendedKey } from '../contract-account.ts'
import type { Passwords } from '../passwords.ts'

/** DNS is asked again for a domain that is not proven. */
const ASK_AGAIN_MS = 30_000
/** What proves a domain may be away for so long. */
const PROOF_HOLDS_MS = 30 * 86_400_000
/** A proof that holds is looked at again. */
const LOOK_AGAIN_MS = 86_400_000
const DAY_MS = 86_400_000
const MINUTE_MS = 60_000
const DAYS_TOLD = 14
const CHALLENGE_BYTES = 16
const RIGHT_MS = 600_000
const MOST_RIGHT = 1000

type ContractAgent = Pick<Agent, 'hostName' | 'store' | 'world' | 'secrets' | 'settings' | 'log'>

export class Contracts {
  readonly #agent: ContractAgent
  readonly #passwords: Passwords
  readonly #guesses: Guesses
  readonly #rates = new Map<string, RateLimit>()
  readonly #asked = new Map<string, number>()
  /** What is being taken, and not in the queue yet. */
  readonly #coming = new Map<string, QueueRoom>()
  /** Passwords that were right, by a digest, and until when that is enough. */
  readonly #right = new Map<string, number>()

  constructor(agent: ContractAgent, passwords: Passwords) {
    this.#agent = agent
    this.#passwords = passwords
    this.#guesses = new Guesses(agent.world.clock)
  }

  get all(): readonly ContractTerms[] {
    return this.#agent.settings.transmitter.contracts
  }

  /** Somebody may sign in, or show a certificate. */
  get asksForProof(): boolean {
    return this.all.some(({ hasPassword, certificates }) => hasPassword || certificates.length > 0)
  }

  named(name: string): ContractTerms | undefined {
    return this.all.find((one) => one.name === name.toLowerCase())
  }

  ofNetwork(ip: string): ContractTerms | undefined {
    return this.all.find(({ networks }) => networks.some((network) => inNetwork(ip, network)))
  }

  /** `certificate`: DER, whose key the client has. */
  ofCertificate(certificate: Buffer): ContractTerms | undefined {
    const key = keyOfCertificate(certificate, this.#agent.world.clock.now())
    return key === undefined ? undefined : this.all.find(({ certificates }) => certificates.includes(key))
  }

  // --- credentials

  async checkPassword({ name, hasPassword }: ContractTerms, password: string, from: string): Promise<PasswordVerdict> {
    if (!this.#guesses.admits(name, from)) return { state: 'unavailable' }
    this.#guesses.count(name, from)
    const text = hasPassword ? this.#agent.store.setting(passwordKey(name)) : undefined
    const { isRight } = await this.#passwords.check(passwordName(name), text, password)
    return isRight ? { state: 'ok', user: name } : { state: 'refused' }
  }

  scramCredentials({ name, hasPassword }: ContractTerms, from: string): ScramLookup {
    if (!this.#guesses.admits(name, from)) return { state: 'unavailable' }
    this.#guesses.count(name, from)
    const text = hasPassword ? this.#agent.store.setting(passwordKey(name)) : undefined
    const credentials = text === undefined ? undefined : this.#passwords.scram(passwordName(name), text)
    return { state: 'found', user: name, credentials: credentials ?? this.#passwords.fake(passwordName(name)) }
  }

  /** For programs that ask often: what was right lately is not worked out again while it is the same password. */
  async signIn(terms: ContractTerms, password: string, from: string): Promise<'ok' | 'too-many' | 'refused'> {
    const { secrets, store, world } = this.#agent
    const kept = store.setting(passwordKey(terms.name)) ?? ''
    const digest = createHmac('sha256', secrets.server).update(`${terms.name}\0${kept}\0${password}`).digest('base64')
    const nowMs = world.clock.monotonic()
    if ((this.#right.get(digest) ?? 0) > nowMs) return 'ok'
    const verdict = await this.checkPassword(terms, password, from)
    if (verdict.state !== 'ok') return verdict.state === 'unavailable' ? 'too-many' : 'refused'
    this.signedIn(terms, from)
    if (this.#right.size >= MOST_RIGHT) this.#right.clear()
    this.#right.set(digest, nowMs + RIGHT_MS)
    return 'ok'
  }

  /** What was tried last was right. */
  signedIn({ name }: ContractTerms, from: string): void {
    this.#guesses.right(name, from)
  }

  // --- domains

  /** The domain of the contract that covers this one. */
  coveringDomain({ domains }: ContractTerms, domain: string): string | undefined {
    return domains.find((own) => isWithin(domain, own))
  }

  /** What the owner of the domain publishes to prove it, if he does not publish our keys. */
  challenge({ name }: ContractTerms, domain: string): { name: string; value: string } {
    const token = createHmac('sha256', this.#agent.secrets.server).update(`contract ${name} ${domain}`).digest()
    const text = token.subarray(0, CHALLENGE_BYTES).toString('base64url')
    return { name: `_borderpost-contract.${domain}`, value: `borderpost-contract=${text}` }
  }

  /**
   * Is the domain proven to be theirs: DNS shows our keys, or the challenge. What was proven holds for a while, and is
   * looked at again; of a drawn relationship the description itself is the proof.
   */
  async isProven(terms: ContractTerms, domain: string): Promise<boolean> {
    if (terms.isDrawn) return true
    const { clock } = this.#agent.world
    const provenMs = this.#provenMs(terms, domain)
    if (provenMs !== undefined && clock.now() - provenMs < LOOK_AGAIN_MS) return true
    const key = `${terms.name} ${domain}`
    const askedMs = this.#asked.get(key)
    const isFresh = askedMs === undefined || clock.monotonic() - askedMs >= ASK_AGAIN_MS
    if (isFresh) {
      this.#asked.set(key, clock.monotonic())
      if (await this.#isShown(terms, domain)) {
        await this.#agent.store.commit([put(provenKey(terms.name, domain), String(clock.now()))])
        return true
      }
    }
    return provenMs !== undefined && clock.now() - provenMs < PROOF_HOLDS_MS
  }

  #provenMs({ name }: ContractTerms, domain: string): number | undefined {
    const text = this.#agent.store.setting(provenKey(name, domain))
    return text === undefined ? undefined : Number(text)
  }

  async #isShown(terms: ContractTerms, domain: string): Promise<boolean> {
    if (this.#agent.secrets.dkim.some((key) => key.domain === domain)) return true
    const { name, value } = this.challenge(terms, domain)
    const answer = await this.#agent.world.dns.resolve(name, 'TXT')
    return answer.status === 'records' && answer.records.includes(value)
  }

  // --- limits and counts

  isSuspended({ name }: ContractTerms): boolean {
    return this.#agent.store.setting(suspendedKey(name)) === 'yes'
  }

  /** Takes one message of this minute. */
  takeRate({ name, messagesPerMinute }: ContractTerms): boolean {
    if (messagesPerMinute === undefined) return true
    const { clock } = this.#agent.world
    const rate = this.#rates.get(name) ?? new RateLimit(clock, messagesPerMinute, 60_000)
    this.#rates.set(name, rate)
    return rate.take(name)
  }

  /**
   * Room in the queue for so many recipients of a message, until `free` (when they are in it, or not taken at all); or why
   * there is none now.
   */
  takeRoom(terms: ContractTerms, recipients: number, bytes: number): { free(): void } | Reply {
    const { name, queueMessages = Infinity, queueBytes = Infinity } = terms
    const queued = this.#agent.store.queue.share(name)
    const coming = this.#coming.get(name) ?? NO_ROOM
    const wanted = { messages: coming.messages + recipients, bytes: coming.bytes + recipients * bytes }
    if (bytes > queueBytes)
      return reply(
        552,
        '5.3.4',
        `the contract with ${name} allows ${sizeText(queueBytes)} in our queue: this message is too big`,
      )
    const later =
      recipients * bytes > queueBytes ? 'send it to fewer recipients at a time' : 'come again when some of it has left'
    if (queued.messages + wanted.messages > queueMessages)
      return reply(
        452,
        '4.3.1',
        `the contract with ${name} allows ${queueMessages} messages in our queue, and ${queued.messages} wait there: ${later}`,
      )
    if (queued.bytes + wanted.bytes > queueBytes)
      return reply(
        452,
        '4.3.1',
        `the contract with ${name} allows ${sizeText(queueBytes)} in our queue, and ${sizeText(queued.bytes)} wait there: ${later}`,
      )
    this.#coming.set(name, wanted)
    return {
      free: () => {
        const { messages, bytes: sum } = this.#coming.get(name) ?? NO_ROOM
        if (messages > recipients)
          this.#coming.set(name, { messages: messages - recipients, bytes: sum - recipients * bytes })
        else this.#coming.delete(name)
      },
    }
  }

  today({ name }: Pick<ContractTerms, 'name'>): ContractDay {
    return this.#kept(name, this.#day)
  }

  get #day(): number {
    return Math.floor(this.#agent.world.clock.now() / DAY_MS)
  }

  get #minute(): number {
    return Math.floor(this.#agent.world.clock.now() / MINUTE_MS)
  }

  /** The command that keeps the count; it belongs into the commit of what is counted. */
  count(name: string, counts: ContractCounts): Command {
    return { kind: 'contract.count', name, day: this.#day, minute: this.#minute, counts }
  }

  /** First of the commit that takes a message: however many come at once, at however many nodes, no more are taken. */
  check({ name, messagesPerDay, messagesPerMinute }: ContractTerms): Command {
    const limits = { ...(messagesPerDay && { messagesPerDay }), ...(messagesPerMinute && { messagesPerMinute }) }
    return { kind: 'contract.check', name, day: this.#day, minute: this.#minute, ...limits }
  }

  /** What is said when that was refused. */
  exhausted({ name, messagesPerDay, messagesPerMinute }: ContractTerms, which: string): Reply {
    return which === 'day'
      ? reply(452, '4.5.3', `the contract with ${name} allows ${messagesPerDay} messages a day: come again tomorrow`)
      : reply(450, '4.7.1', `the contract with ${name} allows ${messagesPerMinute} messages a minute: come again later`)
  }

  #kept(name: string, day: number): ContractDay {
    return contractDay({ get: (key) => this.#agent.store.setting(key) }, name, day)
  }

  // --- for those themselves

  /** Is this domain proven, and what is to be published where it is not. */
  domainState(terms: ContractTerms, domain: string) {
    const isProven = terms.isDrawn || this.#provenMs(terms, domain) !== undefined
    return { domain, isProven, ...(!isProven && { publish: { type: 'TXT', ...this.challenge(terms, domain) } }) }
  }

  /** What was counted, the newest day first. */
  days({ name }: ContractTerms, count: number) {
    const today = this.#day
    return Array.from({ length: count }, (_, back) => this.#kept(name, today - back))
      .filter(({ day, ...counts }, back) => back === 0 || Object.values(counts).some((one) => one > 0))
      .map(({ day, ...counts }) => ({ day: new Date(day * DAY_MS).toISOString().slice(0, 10), ...counts }))
  }

  // --- for the administrator

  list(): AdminAnswer {
    const lines = this.all.map((terms) => {
      const { messages, refused } = this.today(terms)
      const limit = terms.messagesPerDay === undefined ? '' : ` of ${terms.messagesPerDay}`
      const state = this.isSuspended(terms) ? 'suspended' : this.#stateOf(terms)
      const today = `today ${messages}${limit} messages, ${refused} refused`
      return `${terms.name}  ${terms.domains.join(', ')}  ${state}  ${today}; ${this.#queueOf(terms)}`
    })
    return { ok: true, text: lines.join('\n') || 'There are no contracts here.' }
  }

  /** What waits, of what may. */
  #queueOf({ name, queueMessages, queueBytes, connections }: ContractTerms): string {
    const { messages, bytes } = this.#agent.store.queue.share(name)
    const of = (most: number | string | undefined) => (most === undefined ? '' : ` of ${most}`)
    const room = `${messages}${of(queueMessages)} messages and ${sizeText(bytes)}${of(queueBytes && sizeText(queueBytes))}`
    return `in the queue ${room}${connections === undefined ? '' : `; ${connections} connections`}`
  }

  #stateOf(terms: ContractTerms): string {
    const open = terms.isDrawn ? [] : terms.domains.filter((domain) => this.#provenMs(terms, domain) === undefined)
    const ways = this.#waysOf(terms)
    if (ways === '') return 'nobody can sign in: borderpost contract password'
    if (open.length === 0) return `carried (${ways})`
    const publish = open.map((domain) => {
      const { name, value } = this.challenge(terms, domain)
      return `${domain} is not proven: publish our DKIM keys, or ${name}. TXT "${value}"`
    })
    return publish.join('; ')
  }

  #waysOf({ name, hasPassword, certificates, networks }: ContractTerms): string {
    const isSet = this.#agent.store.setting(passwordKey(name)) !== undefined
    return [
      ...(hasPassword && isSet ? ['password'] : []),
      ...(certificates.length > 0 ? ['certificate'] : []),
      ...networks.map(({ value }) => value),
    ].join(', ')
  }

  /** Counts of the last days. */
  report(name: string): AdminAnswer {
    const terms = this.named(name)
    if (terms === undefined) return nobody(name)
    const today = this.today(terms).day
    const days = Array.from({ length: DAYS_TOLD }, (_, back) => this.#kept(terms.name, today - back))
    return { ok: true, text: `${this.#queueOf(terms)}\n${contractReport(days)}` }
  }

  /** @throws DiskError */
  async setPassword(name: string, password: unknown): Promise<AdminAnswer> {
    const terms = this.named(name)
    if (terms === undefined) return nobody(name)
    if (!terms.hasPassword) return no(`The contract ${terms.name} has no password: write password=yes in its line.`)
    const text =
      typeof password === 'string' && password.length <= 1000
        ? await this.#passwords.make(passwordName(terms.name), password)
        : undefined
    if (text === undefined) return no('That cannot be a password: it is empty, too long, or holds control characters.')
    await this.#agent.store.commit([put(passwordKey(terms.name), text)])
    return { ok: true, text: `The contract ${terms.name} has a new password; its name there is ${terms.name}.` }
  }

  /** Nothing more is taken, or again. @throws DiskError */
  async suspend(name: string, isSuspended: boolean): Promise<AdminAnswer> {
    const terms = this.named(name)
    if (terms === undefined) return nobody(name)
    await this.#agent.store.commit([put(suspendedKey(terms.name), isSuspended ? 'yes' : 'no')])
    this.#agent.log('info', `the contract ${terms.name} is ${isSuspended ? 'suspended' : 'open again'}`)
    return {
      ok: true,
      text: isSuspended
        ? `Nothing more is taken from ${terms.name}; what was taken is carried out.`
        : `Mail of ${terms.name} is taken again.`,
    }
  }
}

interface QueueRoom {
  readonly messages: number
  readonly bytes: number
}

const NO_ROOM: QueueRoom = { messages: 0, bytes: 0 }

const UNITS = ['bytes', 'KB', 'MB', 'GB', 'TB']

function sizeText(bytes: number): string {
  const unit = Math.min(UNITS.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10))
  return `${Number((bytes / 1024 ** unit).toPrecision(3))} ${UNITS[unit]}`
}

const put = (key: string, value: string): Command => ({ kind: 'setting.put', key, value })
const passwordKey = (name: string) => `contract.${name}.password`
const provenKey = (name: string, domain: string) => `contract.${name}.proven.${domain}`
/** No account has such a name: what is sealed for a contract fits nobody else. */
const passwordName = (name: string) => `contract ${name}`

const no = (text: string): AdminAnswer => ({ ok: false, text })
const nobody = (name: string) => no(`There is no contract called ${name} here.`)
