// The desk at which a Recipient arranges forwarding, at the old place ("forward my mail to …") and at the new one ("mail
// is forwarded to me from …"). Nothing is forwarded before the owner of the target has said yes: by the code of the
// verification message, or by one click where the target's system is a Borderpost too.

import { parseSmtpPath } from '../../message/address.ts'
import { parseAuthenticationResults } from '../../message/authentication-results.ts'
import { bytesToText, fieldsNamed, parseHeader, rawValue } from '../../message/header.ts'
import type { Forward, ForwardHealth, ProbeReport } from '../../store/nouns/forwarding.ts'
import type { Account } from '../../store/nouns/people.ts'
import { type Agent, newTrace } from '../agent.ts'
import { domainOf } from '../routing.ts'
import { commitAll } from '../tracking.ts'
import { activate, cardOf, sendCommand } from './exchange.ts'
import { noteLetter, notesAddress, readNote } from './note.ts'
import { noticed } from './noticed.ts'

export interface ForwardView extends Pick<Forward, 'from' | 'to' | 'keep' | 'state'> {
  readonly health: ForwardHealth | null
  readonly probe: { readonly sentAtMs: number; readonly told: ProbeReport | null } | null
}

/** Somebody asks whether mail may be forwarded to this Recipient. */
export interface OfferView {
  readonly email: number
  readonly from: string
  readonly domain: string
}

export interface DeskView {
  /** Mail can be forwarded from here at all. */
  readonly canForward: boolean
  readonly addresses: readonly string[]
  readonly forwards: readonly ForwardView[]
  /** For the provider of the new address. */
  readonly card: string
  readonly offers: readonly OfferView[]
  readonly noticed: ReturnType<typeof noticed>
}

const MAX_FORWARDS = 10
const LOOKED_AT = 200
const VERIFICATIONS_AT_ONCE_MS = 60_000

/** What a person may be told when it cannot be done; undefined when it is done. */
export type Complaint = string | undefined

export class ForwardingDesk {
  readonly #agent: Agent
  readonly #account: Account

  constructor(agent: Agent, account: Account) {
    this.#agent = agent
    this.#account = account
  }

  async view(): Promise<DeskView> {
    const { store, roles } = this.#agent
    return {
      canForward: roles.has('Forwarder'),
      addresses: store.addresses(this.#account.id),
      forwards: store.forwards(this.#account.id).map(({ from, to, keep, state, probe }) => ({
        from,
        to,
        keep,
        state,
        health: store.forwardHealth(from) ?? null,
        probe: probe === null ? null : { sentAtMs: probe.sentAtMs, told: probe.told },
      })),
      card: cardOf(this.#agent),
      offers: await this.#offers(),
      noticed: noticed(this.#agent, this.#account.id),
    }
  }

  /** "Forward my mail to …": a message with a code goes to the target. @throws DiskError */
  async ask(wish: { from: string; to: string; keep: boolean }): Promise<Complaint> {
    const { store, world, domain, roles } = this.#agent
    const from = wish.from.toLowerCase()
    const { to, keep } = wish
    if (!roles.has('Forwarder')) return `${domain} does not forward mail.`
    if (!store.addresses(this.#account.id).some((own) => own.toLowerCase() === from))
      return `${wish.from} is not an address of yours.`
    const path = parseSmtpPath(`<${to}>`, 'forward', { utf8: true })
    if (!path.ok || path.path.type !== 'mailbox') return 'That is no address. Write it like you@new.example.'
    if (domainOf(to) === domain) return `${to} is an address here: ask for an alias instead.`
    const known = store.forward(from)
    const nowMs = world.clock.now()
    if (known !== undefined && nowMs - known.addedAtMs < VERIFICATIONS_AT_ONCE_MS)
      return 'A verification message was sent a moment ago. Wait a minute, then try again.'
    if (known === undefined && store.forwards(this.#account.id).length >= MAX_FORWARDS) return 'The list is full.'
    const code = newTrace(world)
    const postmaster = `postmaster@${domain}`
    const letter = noteLetter(
      this.#agent,
      {
        from: postmaster,
        to,
        subject: `May mail for ${from} be forwarded to you?`,
        text:
          `${this.#account.displayName} (${from}) asks to have mail forwarded to ${to}.\n\n` +
          `If that is you, type this code in the forwarding settings at ${domain}:\n\n    ${code}\n\n` +
          'If your mail is read with Borderpost, its settings offer to say yes with one click.\n' +
          'If it is not you, do nothing: without the code no mail is forwarded.\n',
      },
      { kind: 'request', from, to, code },
    )
    const forward = {
      account: this.#account.id,
      from,
      to,
      keep,
      state: 'unverified',
      code,
      probe: null,
      addedAtMs: nowMs,
    } as const
    const send = await sendCommand(this.#agent, letter, '', to, false)
    await commitAll(this.#agent, [{ kind: 'forward.put', forward }, send])
    return undefined
  }

  /** The code came from the target. @throws DiskError */
  async confirm(from: string, code: string): Promise<Complaint> {
    const forward = this.#own(from)
    if (forward === undefined) return 'There is no such forwarding.'
    if (forward.state === 'active') return undefined
    if (forward.code !== code.trim().toLowerCase()) return 'That is not the code. Look at the message once more.'
    await commitAll(this.#agent, await activate(this.#agent, forward))
    return undefined
  }

  /** What the header of the probe, as it arrived at another system, says. @throws DiskError */
  async tell(from: string, text: string): Promise<Complaint> {
    const forward = this.#own(from)
    if (forward?.probe == null) return 'There is no such forwarding.'
    const header = parseHeader(Buffer.from(text.replace(/\r?\n/g, '\r\n')))
    const field = fieldsNamed(header, 'authentication-results')[0]
    const results = field && parseAuthenticationResults(bytesToText(rawValue(header, field)))
    if (results === undefined) return 'There is no Authentication-Results field in it. Paste the whole header.'
    const of = (name: string) => {
      const all = results.methods.filter(({ method }) => method === name).map(({ result }) => result)
      return all.includes('pass') ? 'pass' : (all[0] ?? 'none')
    }
    const [spf, dkim, dmarc, arc] = ['spf', 'dkim', 'dmarc', 'arc'].map(of) as [string, string, string, string]
    const told = { atMs: this.#agent.world.clock.now(), by: results.authservId.slice(0, 253), spf, dkim, dmarc, arc }
    await commitAll(this.#agent, [{ kind: 'forward.put', forward: { ...forward, probe: { ...forward.probe, told } } }])
    return undefined
  }

  /** Ends a forwarding. @throws DiskError */
  async remove(from: string): Promise<Complaint> {
    await commitAll(this.#agent, [{ kind: 'forward.remove', account: this.#account.id, from }])
    return undefined
  }

  /** Ends a pause. @throws DiskError */
  async resume(from: string): Promise<Complaint> {
    if (!this.#agent.store.addresses(this.#account.id).some((own) => own.toLowerCase() === from.toLowerCase()))
      return 'There is no such forwarding.'
    const health = { refusals: 0, pausedAtMs: null, lastReply: '' }
    await commitAll(this.#agent, [{ kind: 'forward.health', from, health }])
    return undefined
  }

  /** "Yes, forward my mail to me": trusts the Forwarder, for this Recipient only, and tells it. @throws DiskError */
  async accept(email: number): Promise<Complaint> {
    const offer = await this.#offer(email)
    if (offer === undefined) return 'That message asks for nothing, or nothing proves who wrote it.'
    const { note, domain } = offer
    const { from, to, code } = note
    const about = {
      from: to,
      to: notesAddress(domain),
      subject: `Yes: forward mail for ${from} to me`,
      text: `Mail for ${from} may be forwarded to ${to}.\n`,
    }
    const letter = noteLetter(this.#agent, about, { kind: 'confirm', from, to, code })
    const forwarder = { account: this.#account.id, domain, oldAddress: from, addedAtMs: this.#agent.world.clock.now() }
    const send = await sendCommand(this.#agent, letter, to, notesAddress(domain), false)
    await commitAll(this.#agent, [{ kind: 'trust.put', forwarder }, send])
    return undefined
  }

  /** "Not mine": what was noticed is not shown again. @throws DiskError */
  async dismiss(domain: string): Promise<Complaint> {
    const key = `forwarding.dismissed.${this.#account.id}`
    const known = JSON.parse(this.#agent.store.setting(key) ?? '[]') as string[]
    const value = JSON.stringify([...new Set([...known, domain.toLowerCase()])].slice(-100))
    await commitAll(this.#agent, [{ kind: 'setting.put', key, value }])
    return undefined
  }

  #own(from: string): Forward | undefined {
    const forward = this.#agent.store.forward(from.toLowerCase())
    return forward?.account === this.#account.id ? forward : undefined
  }

  async #offers(): Promise<OfferView[]> {
    const { store } = this.#agent
    const inbox = store.mailboxByUse(this.#account.id, 'inbox')
    if (inbox === undefined) return []
    const ids = store.listEmails(this.#account.id, { mailbox: inbox.id }, 'newest').slice(0, LOOKED_AT)
    const asking = store.emails(this.#account.id, ids).filter(({ subject }) => subject.startsWith('May mail for '))
    const found = await Promise.all(asking.map(({ id }) => this.#offer(id)))
    const trusted = store.trustedForwarders(this.#account.id)
    return found.flatMap((offer) => {
      if (offer === undefined) return []
      const { email, note, domain } = offer
      const isDone = trusted.some((one) => one.domain === domain && one.oldAddress === note.from)
      return isDone ? [] : [{ email, from: note.from, domain }]
    })
  }

  /** The request in a message of this Recipient's, if its writer is proven and it is for him. */
  async #offer(id: number) {
    const { store } = this.#agent
    const email = store.email(this.#account.id, id)
    if (email === undefined || email.verdict?.dmarc !== 'pass') return undefined
    const source = await store.readBlob(email.blob)
    const note = source && readNote(parseHeader(source), source)
    if (note?.kind !== 'request') return undefined
    const domain = domainOf(note.from)
    const isOwn = store.addresses(this.#account.id).some((own) => own.toLowerCase() === note.to.toLowerCase())
    const isFromIt = email.from.length === 1 && email.from[0]!.email.toLowerCase() === `postmaster@${domain}`
    return isOwn && isFromIt ? { email: id, note, domain } : undefined
  }
}
