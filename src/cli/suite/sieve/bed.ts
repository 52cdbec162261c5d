// What a Pigeonhole test script plays on: a message with its envelope, mailboxes, what was sent, settings. The actions of a
// script are carried out here with the builders of the product, in memory.

import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { formatAddress } from '../../../message/address.ts'
import { buildDsn } from '../../../message/dsn.ts'
import type { Action, StoreAction, Target } from '../../../protocols/sieve/actions.ts'
import type { CheckLimits } from '../../../protocols/sieve/check.ts'
import { soleMailbox } from '../../../protocols/sieve/deliver.ts'
import { decodedValue, Message } from '../../../protocols/sieve/message.ts'
import { RUN_LIMITS, type RunContext, type RunLimits } from '../../../protocols/sieve/run.ts'
import { addressesIn, type Occasion, type OutgoingMail } from '../../../roles/mda/automatic.ts'
import { notificationsOf } from '../../../roles/mda/notification.ts'
import { answerTo } from '../../../roles/mda/vacation.ts'
import { scoreOf } from './scores.ts'

interface Stored {
  readonly message: Buffer
  readonly flags: readonly string[]
}

const NOW_MS = Date.UTC(2026, 10, 26, 12)

/** What the suite's own scripts begin with where they set no message. */
const FIRST_MESSAGE = Buffer.from('From: sender@example.com\r\nTo: me@example.com\r\nSubject: Frop!\r\n\r\nFriep!\r\n')

export class Bed {
  readonly dir: string
  readonly config = new Map<string, string>()
  readonly mailboxes = new Map<string, Stored[]>([['INBOX', []]])
  readonly annotations = new Map<string, string>()
  sent: OutgoingMail[] = []
  errors: string[] = []
  /** A file that a setting names, and that is not among the data: what follows cannot be tried. */
  missing: string | undefined
  message: Message = Message.of(FIRST_MESSAGE)
  envelope = {
    from: 'sender@example.com',
    to: 'me@example.com',
    originalTo: undefined as string | undefined,
    auth: undefined as string | undefined,
  }
  readonly #sources = new Map<string, Buffer | undefined>()
  readonly #executed = new Set<Action>()
  #ids = 0

  constructor(dir: string) {
    this.dir = dir
  }

  set(what: string, value: string): void {
    if (what === 'message') {
      this.message = Message.of(Buffer.from(value))
      // The envelope is what the header says, until the test says otherwise.
      const first = (name: string) => addressesIn(this.message, [name])[0]
      this.envelope = {
        ...this.envelope,
        from: first('from') ?? 'sender@example.com',
        to: first('to') ?? 'recipient@example.com',
      }
    }
    if (what === 'envelope.from') this.envelope.from = value
    else if (what === 'envelope.to') this.envelope = { ...this.envelope, to: value, originalTo: value }
    else if (what === 'envelope.orig_to') this.envelope.originalTo = value
    else if (what === 'envelope.auth') this.envelope.auth = value
  }

  get #yes() {
    return (key: string, otherwise: boolean) => (this.config.has(key) ? this.config.get(key) === 'yes' : otherwise)
  }

  #number(key: string, otherwise: number): number {
    const found = /^([0-9]+)\s*([kmg]?)/i.exec(this.config.get(key) ?? '')
    if (found === null) return otherwise
    return Number(found[1]) * ({ k: 1024, m: 1024 ** 2, g: 1024 ** 3 }[found[2]!.toLowerCase()] ?? 1)
  }

  checkLimits(): Partial<CheckLimits> {
    return {
      includes: this.#number('sieve_include_max_includes', 255),
      includeDepth: this.#number('sieve_include_max_nesting_depth', 10),
      headerBytes: this.#number('sieve_editheader_max_header_size', 2048),
      notifications: this.#number('sieve_notify_max_notifications', RUN_LIMITS.notifications),
    }
  }

  runLimits(): RunLimits {
    const forbidden = (how: string, before: ReadonlySet<string>) => {
      const listed = (this.config.get('sieve_editheader_header') ?? '').split(' ')
      const names = listed.filter((name) => this.config.get(`sieve_editheader_header/${name}/${how}`) === 'yes')
      // RFC 5293 §6: Subject is free.
      return new Set([...before, ...names.map((name) => name.toLowerCase()).filter((name) => name !== 'subject')])
    }
    const notifications = this.#number('sieve_notify_max_notifications', RUN_LIMITS.notifications)
    return {
      ...RUN_LIMITS,
      actions: this.#number('sieve_max_actions', RUN_LIMITS.actions),
      redirects: this.#number('sieve_max_redirects', RUN_LIMITS.redirects),
      notifications,
      variableBytes: this.#number(
        'sieve_variables_max_value_size',
        this.#number('sieve_variables_max_variable_size', RUN_LIMITS.variableBytes),
      ),
      headerBytes: this.#number('sieve_editheader_max_header_size', RUN_LIMITS.headerBytes),
      keptFromAdding: forbidden('forbid_add', RUN_LIMITS.keptFromAdding),
      keptFromDeleting: forbidden('forbid_delete', RUN_LIMITS.keptFromDeleting),
    }
  }

  /** Asked anew each time: a test changes what is around it as it goes. */
  context(): RunContext {
    const bed = this
    return {
      get envelopeFrom() {
        return bed.envelope.from
      },
      get envelopeTo() {
        return bed.envelope.to
      },
      get envelopeAuth() {
        return bed.envelope.auth
      },
      get delimiter() {
        return bed.config.get('recipient_delimiter') ?? '+'
      },
      get spam() {
        return scoreOf(bed.config, 'spamtest', bed.message)
      },
      get virus() {
        const share = scoreOf(bed.config, 'virustest', bed.message)
        return share === undefined ? undefined : 1 + Math.floor(share * 4 + 1e-9)
      },
      nowMs: NOW_MS,
      offsetMinutes: 0,
      environment: {
        name: 'Borderpost Sieve',
        version: '1',
        location: 'MS',
        phase: 'post',
        domain: 'example.com',
        host: 'host.example.com',
        path: bed.dir,
      },
      mailboxExists: (name) => this.mailboxes.has(name),
      mailboxIdExists: () => false,
      specialUseExists: () => false,
      metadata: (mailbox, name) => this.annotations.get(`${mailbox ?? ''} ${name}`),
      list: (name) =>
        this.config.get('sieve_extlists_list')?.split(' ').includes(shortList(name))
          ? { has: () => false, members: [] }
          : undefined,
      isDuplicate: () => false,
    }
  }

  script(location: string, name: string): Buffer | undefined {
    const folder = location === 'global' ? 'included-global' : 'included'
    const path = join(folder, name.endsWith('.sieve') ? name : `${name}.sieve`)
    if (!this.#sources.has(path)) this.#sources.set(path, this.read(path))
    return this.#sources.get(path)
  }

  read(name: string): Buffer | undefined {
    const path = join(this.dir, name)
    return existsSync(path) && statSync(path).isFile() ? readFileSync(path) : undefined
  }

  /** Carries actions out; false, with the message kept in the inbox, where one cannot be. */
  execute(actions: readonly Action[]): boolean {
    for (const action of actions) {
      if (this.#executed.has(action)) continue
      this.#executed.add(action)
      const error = this.#perform(action)
      if (error === undefined) continue
      this.errors = [error]
      this.mailboxes.get('INBOX')!.push({ message: this.message.bytes, flags: [] })
      return false
    }
    const notifications = actions.filter((action) => action.kind === 'notify')
    const sender = 'postmaster@example.com'
    const reversePath = this.#sender('sieve_notify_mailto_envelope_from')
    this.sent.push(...notificationsOf(notifications, this.#occasion(), { sender, reversePath }))
    return true
  }

  /** Whom a setting wants in the reverse-path. */
  #sender(setting: string): string | undefined {
    const { from, to, originalTo } = this.#paths()
    const wanted = this.config.get(setting) ?? ''
    const owner = this.config.get('sieve_user_email') ?? to
    return (
      { sender: from, recipient: to, orig_recipient: originalTo ?? to, user_email: owner }[wanted] ??
      /^<(.*)>$/.exec(wanted)?.[1]
    )
  }

  /** Of an answer, where a setting has one. */
  #defaultSubject(): string | undefined {
    const [original] = this.message.named('subject')
    if (original === undefined) return this.config.get('sieve_vacation_default_subject')
    const template = this.config.get('sieve_vacation_default_subject_template')
    return template?.replace(/%\$|%\{subject\}/g, () => decodedValue(original))
  }

  #paths() {
    const bare = (path: string) => path.replace(/^<(.*)>$/s, '$1')
    const { from, to, originalTo } = this.envelope
    return { from: bare(from), to: bare(to), originalTo: originalTo === undefined ? undefined : bare(originalTo) }
  }

  #occasion(): Occasion {
    const { from, to, originalTo } = this.#paths()
    const own = [
      this.config.get('sieve_user_email'),
      this.#yes('sieve_vacation_use_original_recipient', false) ? originalTo : undefined,
    ]
    return {
      ownAddresses: own.filter((address) => address !== undefined),
      envelopeFrom: from,
      envelopeTo: to,
      message: this.message,
      nowMs: NOW_MS,
      newMessageId: () => `<${++this.#ids}@host.example.com>`,
    }
  }

  #perform(action: Action): string | undefined {
    if (action.kind === 'keep' || action.kind === 'fileinto') return this.#store(action, action.message.bytes)
    if (action.kind === 'redirect') {
      const { from } = this.#paths()
      const chosen = from === '' ? '' : (this.#sender('sieve_redirect_envelope_from') ?? from)
      this.sent.push({ reversePath: chosen, forwardPath: action.address, message: action.message.bytes })
    } else if (action.kind === 'vacation') {
      const addresses = this.#yes('sieve_vacation_check_recipient', true)
        ? action.addresses
        : [...action.addresses, ...addressesOf(this.message)]
      const subject = action.subject ?? this.#defaultSubject()
      const answer = answerTo({ ...action, addresses, subject }, this.#occasion())
      // Nothing is remembered: the tests answer the same sender again and again.
      if ('mail' in answer) {
        this.sent.push(answer.mail)
        if (action.fcc !== undefined) return this.#store(action.fcc, answer.mail.message)
      }
    } else if (action.kind === 'reject' || action.kind === 'ereject') {
      this.#refuse(action.reason)
    }
    return undefined
  }

  /** The Border refuses; the sender's own system tells its sender so, as ours does (RFC 5321 §4.2.5, RFC 3464). */
  #refuse(reason: string): void {
    const sender = soleMailbox(this.#paths().from)
    if (sender === undefined) return
    const message = buildDsn({
      reportingHost: 'host.example.com',
      from: { displayName: 'Postmaster', ...soleMailbox('postmaster@example.com')! },
      to: sender,
      messageId: '<bounce@host.example.com>',
      nowMs: NOW_MS,
      boundary: () => 'boundary',
      original: this.message.bytes,
      returns: 'full',
      recipients: [
        {
          recipient: soleMailbox(this.#paths().to)!,
          action: 'failed',
          status: '5.7.1',
          diagnostic: `550 5.7.1 ${reason}`,
        },
      ],
    })
    this.sent.push({ reversePath: '', forwardPath: formatAddress(sender), message })
  }

  #store({ mailbox, create, flags }: Target | StoreAction, message: Buffer): string | undefined {
    const name = mailbox.replace(/^inbox(?=$|[./])/i, 'INBOX')
    if (/[\0-\x1f\x7f]|\/\/|^\/|\/$|\.\./.test(name) || Buffer.byteLength(name) > 255)
      return `failed to store into mailbox '${name}': this is no name for one`
    if (!this.mailboxes.has(name)) {
      if (!create) return `failed to store into mailbox '${name}': it does not exist`
      this.mailboxes.set(name, [])
    }
    this.mailboxes.get(name)!.push({ message, flags })
    return undefined
  }

  reset(): void {
    this.sent = []
    this.#executed.clear()
  }
}

const shortList = (name: string) => name.replace(/^urn:ietf:params:sieve:/, ':')

function addressesOf(message: Message): string[] {
  return message
    .named('to')
    .flatMap(({ value }) => soleMailbox(value) ?? [])
    .map(formatAddress)
}
