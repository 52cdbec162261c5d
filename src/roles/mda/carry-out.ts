// MDA: carries out what a Recipient's script decided, as commands of the commit in which the message is taken: mailboxes
// made, emails placed, mail redirected, answers and notifications queued, what must be known again. What cannot be done
// as asked puts the message into the inbox, and its owner is told: mail is never lost over a script (RFC 5228 §2.10.6).

import { formatAddress } from '../../message/address.ts'
import { addressField, buildMessage, structuredField, textField } from '../../message/build.ts'
import { formatDate } from '../../message/date.ts'
import { formatMessageId } from '../../message/message-id.ts'
import type { Action, StoreAction, Target } from '../../protocols/sieve/actions.ts'
import { soleMailbox } from '../../protocols/sieve/deliver.ts'
import { Message } from '../../protocols/sieve/message.ts'
import type { Outcome } from '../../protocols/sieve/run.ts'
import { normalPath } from '../../store/apply/mailboxes.ts'
import type { Command, Made } from '../../store/commands.ts'
import type { MailboxId, SpecialUse, Verdict } from '../../store/nouns/mail.ts'
import { summarise } from '../../store/summary.ts'
import { type Agent, newTrace } from '../agent.ts'
import { forwardPathOf, homesFor, queueCommand, wayFor } from '../routing.ts'
import { dkimFields } from '../transmitter/signing.ts'
import type { Occasion, OutgoingMail } from './automatic.ts'
import { notificationsOf } from './notification.ts'
import { type Delivery, placeCommand, prepareDelivery } from './place.ts'
import { type Arrival, mailboxOfId, mailboxOfUse, seenKey } from './sort.ts'
import { answerTo } from './vacation.ts'

const DAY_MS = 86_400_000

export interface Carrying {
  readonly verdict: Verdict | null
  /** The body as it came, for mailboxes. */
  readonly delivery: () => Promise<Delivery>
  /** The commands that send it on; `message`: what the script made of it, if it changed it. */
  readonly redirect: (to: string, message: Buffer | undefined, isKept: boolean) => Promise<readonly Command[]>
  /** Nobody may be answered on the word of this envelope: its sender is not proven. */
  readonly isUnproven: boolean
  /** Index that the first command will have in its batch. */
  readonly at: number
}

export interface CarriedOut {
  readonly commands: readonly Command[]
  /** Index in the batch of the email that was placed; undefined where none was. */
  readonly email: number | undefined
  /** What was done, for tracking. */
  readonly story: string
}

/** The commands. @throws DiskError */
export async function carryOut(
  agent: Agent,
  arrival: Arrival,
  outcome: Outcome,
  carrying: Carrying,
): Promise<CarriedOut> {
  const work = new Work(agent, arrival, outcome, carrying)
  return work.done()
}

type Where = MailboxId | SpecialUse | Made

class Work {
  readonly #agent: Agent
  readonly #arrival: Arrival
  readonly #outcome: Outcome
  readonly #carrying: Carrying
  readonly #commands: Command[] = []
  readonly #problems: string[] = []
  readonly #story: string[] = []
  readonly #message: Message
  #email: number | undefined

  constructor(agent: Agent, arrival: Arrival, outcome: Outcome, carrying: Carrying) {
    this.#agent = agent
    this.#arrival = arrival
    this.#outcome = outcome
    this.#carrying = carrying
    this.#message = Message.of(arrival.message)
  }

  async done(): Promise<CarriedOut> {
    const { failure, warnings } = this.#outcome
    for (const { line, message, script } of [...(failure === undefined ? [] : [failure]), ...warnings])
      this.#problems.push(`${script === undefined ? '' : `${script}, `}line ${line}: ${message}`)
    const actions = this.#allowed()
    await this.#stores(actions.filter(isStore))
    for (const action of actions) {
      if (action.kind === 'redirect') await this.#redirect(action.address, action.message, actions.some(isStore))
      if (action.kind === 'vacation') await this.#answer(action)
    }
    await this.#notify(actions.filter((action) => action.kind === 'notify'))
    const nowMs = this.#agent.world.clock.now()
    for (const { key, periodS } of this.#outcome.seen) this.#remember(seenKey(key), nowMs + periodS * 1000)
    await this.#tellOwner()
    if (this.#story.length === 0) this.#story.push('discarded')
    return { commands: this.#commands, email: this.#email, story: this.#story.join(', ') }
  }

  /** What the Border's verdict leaves of the actions, and what would go round in a circle. */
  #allowed(): readonly Action[] {
    const { verdict, address } = this.#arrival
    const { forwarder } = this.#agent.settings
    const wasHere = this.#message
      .named('delivered-to')
      .some(({ value }) => value.trim().toLowerCase() === address.toLowerCase())
    const actions = this.#outcome.actions.filter(({ kind }) => {
      if (kind === 'redirect' && wasHere) {
        this.#problems.push(`the message was redirected from ${address} before: it goes round in a loop`)
        return false
      }
      // What is judged spam is neither passed on nor answered.
      if (verdict === 'junk' && kind === 'redirect') return forwarder.passesJunk
      return verdict !== 'junk' || (kind !== 'vacation' && kind !== 'notify')
    })
    const lostAll =
      actions.length < this.#outcome.actions.length && !actions.some((one) => isStore(one) || one.kind === 'redirect')
    if (!lostAll) return actions
    return [...actions, { kind: 'keep', mailbox: 'INBOX', create: false, flags: [], message: this.#message }]
  }

  /** One email for each state of the message with the same flags, in all the mailboxes that it goes to. */
  async #stores(actions: readonly StoreAction[]): Promise<void> {
    const groups = Map.groupBy(
      actions,
      ({ message, flags }) => `${message.bytes === this.#arrival.message} ${flags.join(' ')}`,
    )
    for (const group of groups.values())
      for (const [message, alike] of Map.groupBy(group, (one) => one.message)) await this.#place(message, alike)
  }

  async #place(message: Message, actions: readonly StoreAction[]): Promise<void> {
    const mailboxes = actions.map((action) => this.#where(action))
    await this.#deliver(message, mailboxes, actions[0]!.flags)
  }

  async #deliver(message: Message, mailboxes: readonly Where[], flags: readonly string[]): Promise<void> {
    const isUnchanged = message.bytes === this.#arrival.message || message.bytes.equals(this.#arrival.message)
    const delivery = isUnchanged
      ? await this.#carrying.delivery()
      : { blob: await this.#agent.store.putBlob([message.bytes]), summary: summarise(message.bytes) }
    this.#email ??= this.#next
    this.#commands.push({
      kind: 'email.deliver',
      account: this.#arrival.account.id,
      mailboxes: [...new Set(mailboxes)],
      orInbox: true,
      ...delivery,
      flags,
      receivedAtMs: this.#agent.world.clock.now(),
      verdict: this.#carrying.verdict,
    })
  }

  get #next(): number {
    return this.#carrying.at + this.#commands.length
  }

  /** Keep means where the Border would put it; a mailbox that is not there is made, or it is the inbox. */
  #where(action: StoreAction | Target): Where {
    if (('kind' in action && action.kind === 'keep') || /^inbox$/i.test(action.mailbox)) {
      this.#story.push(this.#arrival.verdict === 'junk' ? 'put into Junk' : 'put into the inbox')
      return this.#arrival.verdict
    }
    const { account } = this.#arrival
    const found =
      (action.mailboxId === undefined ? undefined : mailboxOfId(this.#agent, account, action.mailboxId)) ??
      (action.specialUse === undefined ? undefined : mailboxOfUse(this.#agent, account, action.specialUse)) ??
      this.#agent.store.mailboxByPath(account.id, action.mailbox)
    const name = found?.path ?? action.mailbox
    if (found === undefined && !action.create) {
      this.#problems.push(`failed to store into mailbox '${name}': it does not exist`)
      this.#story.push('put into the inbox')
      return 'inbox'
    }
    if (found === undefined && normalPath(name) === undefined) {
      this.#problems.push(`failed to store into mailbox '${name}': this is no name for one`)
      this.#story.push('put into the inbox')
      return 'inbox'
    }
    this.#story.push(`put into ${name}`)
    if (found !== undefined) return found.id
    const from = this.#next
    const nowMs = this.#agent.world.clock.now()
    this.#commands.push({ kind: 'mailbox.create', account: account.id, path: name, nowMs, orExisting: true })
    this.#commands.push({ kind: 'mailbox.subscribe', account: account.id, path: name, subscribed: true })
    return { from }
  }

  async #redirect(to: string, message: Message, isKept: boolean): Promise<void> {
    const way = wayFor(this.#agent, forwardPathOf(to))
    const isDeserted = homesFor(this.#agent, to)?.length === 0
    if (way.kind === 'unknown' || isDeserted) {
      this.#problems.push(
        isDeserted ? `nobody stands behind ${to} to redirect to` : `there is no mailbox ${to} here to redirect to`,
      )
      if (!isKept) await this.#deliver(this.#message, ['inbox'], [])
      return
    }
    const isChanged = message.bytes !== this.#arrival.message && !message.bytes.equals(this.#arrival.message)
    this.#commands.push(...(await this.#carrying.redirect(to, isChanged ? message.bytes : undefined, isKept)))
    this.#story.push(`redirected to ${to}`)
  }

  async #answer(action: Extract<Action, { kind: 'vacation' }>): Promise<void> {
    const { store, world } = this.#agent
    const { account, reversePath } = this.#arrival
    const nowMs = world.clock.now()
    const key = seenKey(`vacation ${JSON.stringify([action.handle, reversePath.toLowerCase()])}`)
    if (store.isSeen(account.id, key, nowMs)) return
    const answer = this.#carrying.isUnproven
      ? { whyNot: 'its sender is not proven' }
      : answerTo({ ...action, from: this.#own(action.from) }, this.#occasion())
    if ('whyNot' in answer) {
      this.#story.push(`not answered: ${answer.whyNot}`)
      return
    }
    this.#remember(key, nowMs + action.periodS * 1000)
    await this.#send(answer.mail)
    this.#story.push(`answered ${answer.mail.forwardPath}`)
    if (action.fcc !== undefined) await this.#copy(action.fcc, answer.mail)
  }

  async #notify(actions: readonly Extract<Action, { kind: 'notify' }>[]): Promise<void> {
    const sender = `postmaster@${this.#agent.domain}`
    const owned = actions.map((action) => ({ ...action, from: this.#own(action.from) }))
    for (const mail of notificationsOf(owned, this.#occasion(), { sender })) {
      await this.#send(mail)
      this.#story.push(`notified ${mail.forwardPath}`)
    }
  }

  /** Nobody writes as somebody else: what leaves is signed by us. */
  #own(from: string | undefined): string | undefined {
    const mailbox = from === undefined ? undefined : soleMailbox(from)
    if (mailbox === undefined) return undefined
    const written = formatAddress(mailbox).toLowerCase()
    const { account } = this.#arrival
    if (this.#agent.store.addresses(account.id).some((address) => address.toLowerCase() === written)) return from
    this.#problems.push(`${written} is not an address of ${account.address}, so it cannot be written from it`)
    return undefined
  }

  #occasion(): Occasion {
    const { account, address, reversePath } = this.#arrival
    const { world, hostName, store } = this.#agent
    return {
      ownAddresses: store.addresses(account.id),
      envelopeFrom: reversePath,
      envelopeTo: address,
      message: this.#message,
      nowMs: world.clock.now(),
      newMessageId: () => formatMessageId(newTrace(world), hostName),
    }
  }

  /** A copy of what was sent, read already (RFC 8580 §3). */
  async #copy(fcc: Target, mail: OutgoingMail): Promise<void> {
    const mailbox = this.#where(fcc)
    const blob = await this.#agent.store.putBlob([mail.message])
    this.#commands.push({
      kind: 'email.deliver',
      account: this.#arrival.account.id,
      mailboxes: [mailbox],
      orInbox: true,
      blob,
      summary: summarise(mail.message),
      flags: ['\\Seen', ...fcc.flags],
      receivedAtMs: this.#agent.world.clock.now(),
      verdict: null,
    })
  }

  /** Signed and queued; for somebody here it is placed at once. */
  async #send({ reversePath, forwardPath, message }: OutgoingMail): Promise<void> {
    const agent = this.#agent
    const way = wayFor(agent, forwardPathOf(forwardPath))
    if (way.kind === 'unknown') return
    const homes = homesFor(agent, forwardPath)
    if (homes !== undefined) {
      const delivery = await prepareDelivery(agent, reversePath, [], message)
      for (const home of homes) this.#commands.push(placeCommand(agent, home, delivery, 'inbox', null))
      return
    }
    const blob = await agent.store.putBlob([...(await dkimFields(agent, message)), message])
    const mail = { trace: newTrace(agent.world), blob, reversePath, parameters: { notify: [] }, origin: 'mda' } as const
    this.#commands.push(queueCommand(agent, mail, 'to' in way ? way.to : way.address))
  }

  #remember(key: string, expiresAtMs: number): void {
    const nowMs = this.#agent.world.clock.now()
    this.#commands.push({ kind: 'seen.put', account: this.#arrival.account.id, key, nowMs, expiresAtMs })
  }

  /** Once a day for each problem, so that a broken script does not fill the inbox. */
  async #tellOwner(): Promise<void> {
    if (this.#problems.length === 0) return
    const { store, world, domain, hostName } = this.#agent
    const { account } = this.#arrival
    this.#story.push(`script: ${this.#problems[0]}`)
    const nowMs = world.clock.now()
    const key = seenKey(`problem ${this.#problems.join()}`)
    if (store.isSeen(account.id, key, nowMs)) return
    this.#remember(key, nowMs + DAY_MS)
    const [subject] = this.#message.named('subject')
    const text = [
      'Your Sieve script could not do all that it says with a message that came. Nothing is lost: what could not be done',
      'as you wanted was put into your inbox.',
      '',
      ...this.#problems.map((problem) => `  ${problem}`),
      '',
      `The message: ${subject?.value.slice(0, 200) ?? '(without a subject)'}`,
      `  from ${this.#arrival.reversePath === '' ? 'the mail system' : this.#arrival.reversePath}`,
      '',
      'You are told of the same problem once a day at most.',
      '',
    ].join('\n')
    const letter = buildMessage({
      fields: [
        addressField('From', [{ displayName: 'Mail Delivery', ...soleMailbox(`postmaster@${domain}`)! }]),
        structuredField('To', account.address),
        textField('Subject', 'Your Sieve script needs a look'),
        structuredField('Date', formatDate(nowMs)),
        structuredField('Message-ID', formatMessageId(newTrace(world), hostName)),
        structuredField('Auto-Submitted', 'auto-generated'),
      ],
      text,
      boundary: () => 'none',
    })
    const delivery = await prepareDelivery(this.#agent, '', [], letter)
    this.#commands.push(placeCommand(this.#agent, account, delivery, 'inbox', null))
  }
}

const isStore = (action: Action): action is StoreAction => action.kind === 'keep' || action.kind === 'fileinto'
