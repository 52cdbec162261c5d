// One message told to a milter (protocol version 6), as a mail server tells it: negotiation, connection, HELO, MAIL,
// RCPT, the header field by field, the body in chunks; then what is to become of it. Sans-I/O: bytes in, bytes out, a
// verdict at last. The whole message is at hand, so each step waits only for the milter.

import { parseHeader } from '../../message/header.ts'
import { type Reply, reply } from '../../protocols/smtp/reply.ts'
import type { Changes, HeaderChange } from './changes.ts'
import {
  ACTIONS,
  BODY_CHUNK_BYTES,
  COMMANDS,
  MILTER_VERSION,
  nulEnded,
  nulSeparated,
  type Packet,
  PacketReader,
  packet,
  STEPS,
  uint32,
} from './packets.ts'

export interface MilterMail {
  readonly ip: string
  readonly port: number
  /** The confirmed name of the client; undefined: unknown. */
  readonly clientName?: string
  readonly helo: string
  /** '' for the null reverse-path. */
  readonly reversePath: string
  /** In the order of the transaction. */
  readonly recipients: readonly string[]
  readonly source: Buffer
  /** Our name, and our name for this message. */
  readonly hostName: string
  readonly queueId: string
  readonly tls?: { readonly protocol: string; readonly cipher: string }
  readonly user?: string
}

export type MilterVerdict =
  | {
      readonly kind: 'accept'
      readonly changes: Changes
      /** The milter asks to set the message aside, and why: Junk. */
      readonly quarantine?: string
      /** Recipients that were refused, by their place in the list. */
      readonly refused: ReadonlyMap<number, Reply>
      /** Wishes that we do not fulfil (other recipients, another sender), for the log. */
      readonly ignored: readonly string[]
    }
  /** Reject and discard: discard is a refusal here, because nothing is dropped in silence. */
  | { readonly kind: 'refuse'; readonly reply: Reply }
  | { readonly kind: 'defer'; readonly reply: Reply }
  /** It broke the protocol: nothing is known about the message. */
  | { readonly kind: 'unavailable'; readonly reason: string }

export interface MilterOutput {
  readonly send: Buffer
  readonly verdict?: MilterVerdict
}

const OFFERED_ACTIONS = ACTIONS.addHeaders | ACTIONS.changeBody | ACTIONS.changeHeaders | ACTIONS.quarantine
const OFFERED_STEPS = Object.values(STEPS).reduce((all, step) => all | step, 0)

/** A body that a milter writes may be larger than ours was, but not without end. */
const MAX_GROWTH_BYTES = 10 * 1024 * 1024
const MAX_HEADER_CHANGES = 1000

const NOTHING: Buffer = Buffer.alloc(0)
const REFUSED = reply(550, '5.7.1', 'refused by a content filter')
const DEFERRED = reply(451, '4.7.1', 'a content filter asks you to come again later')

interface Step {
  readonly bytes: Buffer
  readonly stage: 'connection' | 'recipient' | 'message' | 'body' | 'end'
  readonly answered: boolean
  /** Of the recipient that this step tells. */
  readonly recipient?: number
}

export class MilterSession {
  readonly #mail: MilterMail
  readonly #reader = new PacketReader()
  readonly #headers: HeaderChange[] = []
  readonly #body: Buffer[] = []
  #bodyBytes = 0
  readonly #refused = new Map<number, Reply>()
  readonly #ignored = new Set<string>()
  #quarantine: string | undefined
  #steps: Iterator<Step> | undefined
  #step: Step | undefined
  #skipBody = false
  #verdict: MilterVerdict | undefined

  constructor(mail: MilterMail) {
    this.#mail = mail
  }

  /** The first bytes: what we can do. */
  start(): Buffer {
    return packet(COMMANDS.negotiate, uint32(MILTER_VERSION, OFFERED_ACTIONS, OFFERED_STEPS))
  }

  /** Bytes of the milter; what to send then, and the verdict when there is one. */
  receive(chunk: Uint8Array): MilterOutput {
    this.#reader.push(chunk)
    const sent: Buffer[] = []
    while (this.#verdict === undefined) {
      const next = this.#reader.next()
      if (next === undefined) break
      if (next === 'malformed') this.#verdict = { kind: 'unavailable', reason: 'a packet of impossible length' }
      else sent.push(...this.#answer(next))
    }
    if (this.#verdict === undefined) return { send: Buffer.concat(sent) }
    return { send: Buffer.concat([...sent, packet(COMMANDS.quit)]), verdict: this.#verdict }
  }

  #answer({ command, data }: Packet): Buffer[] {
    if (this.#steps === undefined) return this.#negotiated(command, data)
    // "Progress": it is still at work.
    if (command === 'p') return []
    if (this.#step?.stage === 'end' && this.#change(command, data)) return []
    const final = this.#decide(command, data)
    if (final === 'go on') return this.#advance()
    this.#verdict = final
    return []
  }

  #negotiated(command: string, data: Buffer): Buffer[] {
    if (command !== COMMANDS.negotiate || data.length < 12) {
      this.#verdict = { kind: 'unavailable', reason: 'it did not negotiate' }
      return []
    }
    const version = data.readUInt32BE(0)
    if (version < 2 || version > MILTER_VERSION) {
      this.#verdict = { kind: 'unavailable', reason: `it speaks version ${version}` }
      return []
    }
    // Wishes beyond our offer are not an error (rspamd names all it could do); what comes of them is passed over.
    const chosen = data.readUInt32BE(8) & OFFERED_STEPS
    this.#steps = stepsOf(this.#mail, version, chosen)
    return this.#advance()
  }

  /** Everything up to the next step that is answered. */
  #advance(): Buffer[] {
    const sent: Buffer[] = []
    for (;;) {
      const next = this.#steps!.next()
      if (next.done) return sent
      if (next.value.stage === 'body' && this.#skipBody) continue
      this.#step = next.value
      sent.push(next.value.bytes)
      if (next.value.answered) return sent
    }
  }

  /** The milter's word on the step under way. */
  #decide(command: string, data: Buffer): MilterVerdict | 'go on' {
    const step = this.#step!
    switch (command) {
      case 'c':
        return step.stage === 'end' ? this.#accepted() : 'go on'
      case 'a':
        // Of a recipient: this one. Else: the rest of the message is of no interest.
        return step.stage === 'recipient' ? 'go on' : this.#accepted()
      case 's':
        if (step.stage !== 'body') return this.#broken(command)
        this.#skipBody = true
        return 'go on'
      case 'd':
        return { kind: 'refuse', reply: REFUSED }
      case 'r':
        return this.#refuse(REFUSED)
      case 't':
        return this.#refuse(DEFERRED)
      case 'y':
        return this.#refuse(readReply(data))
      case '4':
        return { kind: 'defer', reply: reply(421, '4.7.1', 'a content filter asks you to come again later') }
      default:
        return this.#broken(command)
    }
  }

  #refuse(answer: Reply): MilterVerdict | 'go on' {
    const { stage, recipient } = this.#step!
    if (stage !== 'recipient')
      return answer.code >= 500 ? { kind: 'refuse', reply: answer } : { kind: 'defer', reply: answer }
    this.#refused.set(recipient!, answer)
    if (this.#refused.size < this.#mail.recipients.length) return 'go on'
    // Nobody is left. Who may come again later is the milder word.
    const mildest = [...this.#refused.values()].find((one) => one.code < 500)
    return mildest === undefined ? { kind: 'refuse', reply: answer } : { kind: 'defer', reply: mildest }
  }

  #broken(command: string): MilterVerdict {
    return { kind: 'unavailable', reason: `it said ${JSON.stringify(command)} where that means nothing` }
  }

  #accepted(): MilterVerdict {
    const body = this.#body.length > 0 ? { body: Buffer.concat(this.#body) } : {}
    return {
      kind: 'accept',
      changes: { headers: this.#headers, ...body },
      refused: this.#refused,
      ignored: [...this.#ignored],
      ...(this.#quarantine === undefined ? {} : { quarantine: this.#quarantine }),
    }
  }

  /** A wish at the end of the message; false when the command is none. */
  #change(command: string, data: Buffer): boolean {
    const known = Object.hasOwn(MilterSession.#changes, command) ? MilterSession.#changes[command] : undefined
    if (known === undefined) return false
    if (this.#headers.length < MAX_HEADER_CHANGES) known(this, data)
    return true
  }

  static readonly #changes: Record<string, (session: MilterSession, data: Buffer) => void> = {
    h: (s, data) => {
      const [name = '', value = ''] = nulSeparated(data)
      s.#headers.push({ kind: 'add', name, value })
    },
    i: (s, data) => s.#indexed('insert', data),
    m: (s, data) => s.#indexed('change', data),
    b: (s, data) => {
      if (s.#bodyBytes + data.length > s.#mail.source.length + MAX_GROWTH_BYTES) return
      s.#bodyBytes += data.length
      s.#body.push(Buffer.from(data))
    },
    q: (s, data) => {
      s.#quarantine = printable(nulSeparated(data)[0] ?? '')
    },
    '+': (s) => s.#ignored.add('add a recipient'),
    '2': (s) => s.#ignored.add('add a recipient'),
    '-': (s) => s.#ignored.add('remove a recipient'),
    e: (s) => s.#ignored.add('change the sender'),
  }

  #indexed(kind: 'insert' | 'change', data: Buffer): void {
    if (data.length < 5) return
    const [name = '', value = ''] = nulSeparated(data, 4)
    this.#headers.push({ kind, index: data.readUInt32BE(0), name, value })
  }
}

/** '550 5.7.1 text', of one or several lines. What is no refusal is one all the same: the milter said no. */
function readReply(data: Buffer): Reply {
  const lines = (nulSeparated(data)[0] ?? '').split(/\r?\n/)
  const parsed = lines.map((line) => /^([45][0-9]{2})[ -](?:([45]\.\d{1,3}\.\d{1,3}) ?)?(.*)$/.exec(line))
  const [first] = parsed
  if (!first) return DEFERRED
  const code = Number(first[1])
  const enhanced = first[2]?.startsWith(first[1]![0]!) ? first[2] : code < 500 ? '4.7.1' : '5.7.1'
  return reply(code, enhanced, ...parsed.flatMap((one) => (one ? [printable(one[3]!)] : [])).slice(0, 10))
}

const printable = (text: string) => text.replace(/[^\x20-\x7e]/g, '?').slice(0, 400)

// ---- what we tell, in order

function* stepsOf(mail: MilterMail, version: number, chosen: number): Generator<Step> {
  const has = (flag: number) => (chosen & flag) !== 0
  /** One step, with the macros that belong to it, unless the milter does not want it. */
  function* step(
    no: number,
    silent: number,
    stage: Step['stage'],
    bytes: readonly Buffer[],
    recipient?: number,
  ): Generator<Step> {
    if (has(no)) return
    yield {
      bytes: Buffer.concat(bytes),
      stage,
      answered: !has(silent),
      ...(recipient === undefined ? {} : { recipient }),
    }
  }
  const { ip, port, clientName, helo, reversePath, recipients, source, hostName, queueId, tls, user } = mail
  const family = ip.includes(':') ? '6' : '4'
  const portBytes = Buffer.from([port >> 8, port & 255])
  yield* step(STEPS.noConnect, STEPS.silentConnect, 'connection', [
    macros(COMMANDS.connect, { j: hostName, '{daemon_name}': hostName, v: 'Borderpost', '{client_addr}': ip }),
    packet(COMMANDS.connect, nulEnded(clientName ?? `[${ip}]`), family, portBytes, nulEnded(ip)),
  ])
  yield* step(STEPS.noHello, STEPS.silentHello, 'connection', [
    macros(COMMANDS.hello, tls === undefined ? {} : { '{tls_version}': tls.protocol, '{cipher}': tls.cipher }),
    packet(COMMANDS.hello, nulEnded(helo)),
  ])
  yield* step(STEPS.noMail, STEPS.silentMail, 'message', [
    macros(COMMANDS.mail, {
      i: queueId,
      '{mail_addr}': reversePath,
      ...(user === undefined ? {} : { '{auth_authen}': user }),
    }),
    packet(COMMANDS.mail, nulEnded(`<${reversePath}>`)),
  ])
  for (const [index, recipient] of recipients.entries())
    yield* step(
      STEPS.noRecipient,
      STEPS.silentRecipient,
      'recipient',
      [
        macros(COMMANDS.recipient, { '{rcpt_addr}': recipient, i: queueId }),
        packet(COMMANDS.recipient, nulEnded(`<${recipient}>`)),
      ],
      index,
    )
  if (version >= 4)
    yield* step(STEPS.noData, STEPS.silentData, 'message', [
      macros(COMMANDS.data, { i: queueId }),
      packet(COMMANDS.data),
    ])
  const header = parseHeader(source)
  for (const { name, valueStart, end } of header.fields) {
    const raw = source
      .toString('latin1', valueStart, end)
      .replace(/\r?\n$/, '')
      .replaceAll('\r\n', '\n')
    const value = has(STEPS.leadingSpace) ? raw : raw.replace(/^[ \t]/, '')
    const bytes = Buffer.from(nulEnded(name) + nulEnded(value), 'latin1')
    yield* step(STEPS.noHeader, STEPS.silentHeader, 'message', [packet(COMMANDS.header, bytes)])
  }
  yield* step(STEPS.noEndOfHeader, STEPS.silentEndOfHeader, 'message', [packet(COMMANDS.endOfHeader)])
  for (let at = header.bodyStart; at < source.length; at += BODY_CHUNK_BYTES) {
    const chunk = source.subarray(at, at + BODY_CHUNK_BYTES)
    yield* step(STEPS.noBody, STEPS.silentBody, 'body', [packet(COMMANDS.body, chunk)])
  }
  const end = [macros(COMMANDS.endOfBody, { i: queueId }), packet(COMMANDS.endOfBody)]
  yield { bytes: Buffer.concat(end), stage: 'end', answered: true }
}

/** Names and values that a milter may look at in the step that follows. */
function macros(command: string, values: Readonly<Record<string, string>>): Buffer {
  const entries = Object.entries(values)
  if (entries.length === 0) return NOTHING
  return packet(COMMANDS.macros, command, ...entries.flat().map(nulEnded))
}
