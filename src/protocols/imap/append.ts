// APPEND (RFC 9051 §6.3.12; MULTIAPPEND RFC 3502, CATENATE RFC 4469, BINARY RFC 3516, UTF8 RFC 6855 §4, UIDPLUS RFC 4315)
// and REPLACE (RFC 8508): messages that the client brings. All of one command, or none.

import type { Command, CommandResult } from '../../store/commands.ts'
import { summarise } from '../../store/summary.ts'
import { commit, type Dialogue, isRefusal, putBlobs } from '../dialogue.ts'
import {
  ANSWERED,
  type Answer,
  bad,
  diskRefused,
  NO_PERMISSION,
  NO_SUCH_MESSAGE,
  NO_TARGET,
  no,
  ok,
  READ_ONLY,
  refused,
} from './answer.ts'
import { withoutBinary } from './binary.ts'
import { assemble, type Piece, readPieces } from './catenate.ts'
import { readFlags } from './flags.ts'
import { mailboxAt, type Place, readPath } from './names.ts'
import type { Cursor } from './parser.ts'
import { rightFor } from './selected.ts'
import { formatSet } from './sequence.ts'
import type { CommandContext, ImapSession } from './session.ts'
import { readSet } from './set-argument.ts'

/** One message as the command has it. */
interface Brought {
  readonly flags: readonly string[]
  readonly receivedAtMs: number | undefined
  readonly content: Buffer | readonly Piece[]
}

const MOST_MESSAGES = 1_000

type Delivery = Extract<Command, { kind: 'email.deliver' }>

/** One APPEND command: what it brings and where; or why it cannot be understood. */
interface Wish {
  readonly tag: string
  readonly path: string
  readonly brought: readonly Brought[]
  readonly error: string | undefined
}

/** Commands, and bytes of them, that are carried out in one commit. */
const MOST_TOGETHER = 100
const MOST_BYTES_TOGETHER = 8 * 1024 * 1024

/** APPENDs that a client sent one behind the other are made durable together, and answered in their order. */
export function* append(session: ImapSession, { tag, args }: CommandContext): Dialogue<Answer> {
  const wishes = [readWish(session, tag, args)]
  for (let bytes = sizeOf(wishes[0]!); wishes.length < MOST_TOGETHER && bytes < MOST_BYTES_TOGETHER; ) {
    const next = yield* session.takeArrived('APPEND')
    if (next === undefined) break
    wishes.push(readWish(session, next.tag, next.args))
    bytes += sizeOf(wishes.at(-1)!)
  }
  const answers = yield* appendTogether(session, wishes)
  if (wishes.length === 1) return answers[0]!
  yield* session.tell(true, false)
  for (const [index, wish] of wishes.entries()) session.answer(wish.tag, answers[index]!)
  return ANSWERED
}

function readWish(session: ImapSession, tag: string, args: Cursor): Wish {
  args.space()
  const path = readPath(session, args)
  const brought: Brought[] = []
  args.space()
  do brought.push(readMessage(args))
  while (args.optionalSpace() && brought.length < MOST_MESSAGES)
  args.end()
  return { tag, path, brought, error: args.error }
}

const sizeOf = ({ brought }: Wish): number =>
  brought.reduce((sum, { content }) => sum + (Buffer.isBuffer(content) ? content.length : 0), 0)

/** One commit; an answer for each. */
function* appendTogether(session: ImapSession, wishes: readonly Wish[]): Dialogue<Answer[]> {
  const prepared: (Answer | { place: Place; messages: readonly Message[] })[] = []
  for (const { path, brought, error } of wishes) {
    const place = error === undefined ? mailboxAt(session, path) : undefined
    if (error !== undefined) prepared.push(bad(error))
    else if (place === undefined) prepared.push(NO_TARGET)
    else {
      const messages = yield* messagesOf(session, place, brought)
      prepared.push('status' in messages ? messages : { place, messages })
    }
  }
  const takers = prepared.filter((one) => 'place' in one)
  const batch = yield* deliveriesOf(
    session,
    takers.flatMap(({ place, messages }) => messages.map((message) => ({ place, message }))),
  )
  const outcome = 'status' in batch ? batch : yield* commit(...batch)
  const answers: Answer[] = []
  let at = 0
  for (const one of prepared) {
    if ('status' in one) answers.push(one)
    else if ('status' in outcome) answers.push(outcome)
    else if (isRefusal(outcome)) answers.push(diskRefused(outcome.refused))
    else {
      const results = outcome.slice(at, at + one.messages.length)
      at += one.messages.length
      answers.push(yield* answerFor(one.place, results))
    }
  }
  return answers
}

function* answerFor(place: Place, results: readonly CommandResult[]): Dialogue<Answer> {
  const refusal = results.find((result) => !result.ok)
  const placed = results.flatMap((result) => (result.ok ? (result.placements ?? []) : []))
  if (refusal !== undefined && !refusal.ok) {
    yield* takeBack(place, placed)
    return refused(refusal)
  }
  const { uidValidity } = placed[0]!
  return ok('appended', `APPENDUID ${uidValidity} ${formatSet(placed.map(({ uid }) => uid))}`)
}

/** RFC 3502 §3: all or none. */
function* takeBack(place: Place, placed: readonly { uid: number }[]): Dialogue {
  if (placed.length === 0) return
  const uids = placed.map(({ uid }): [number, number] => [uid, uid])
  const { account, mailbox } = place
  yield* commit({ kind: 'placement.expunge', account, mailbox: mailbox.id, uids, onlyDeleted: false, nowMs: 0 })
}

/** REPLACE (RFC 8508): the new message comes and the old one goes in one commit. */
export function* replace(session: ImapSession, { args, uid }: CommandContext): Dialogue<Answer> {
  const selected = session.selected!
  args.space()
  const set = readSet(args)
  args.space()
  const path = readPath(session, args)
  args.space()
  const message = readMessage(args)
  args.end()
  if (set !== 'saved' && (set.length !== 1 || set[0]![0] !== set[0]![1])) args.fail('REPLACE is of one message')
  if (args.error) return bad(args.error)
  if (selected.readOnly) return READ_ONLY
  const ranges = selected.indexesOf(set, uid)
  if (ranges === undefined) return NO_SUCH_MESSAGE
  if (ranges.length !== 1 || ranges[0]![0] !== ranges[0]![1]) return no('the message is gone', 'EXPUNGEISSUED')
  const place = mailboxAt(session, path)
  if (place === undefined) return NO_TARGET
  if (!(selected.rights.has('t') && selected.rights.has('e'))) return NO_PERMISSION
  const messages = yield* messagesOf(session, place, [message])
  if ('status' in messages) return messages
  const deliveries = yield* deliveriesOf(session, [{ place, message: messages[0]! }])
  if ('status' in deliveries) return deliveries
  const old = { mailbox: selected.id, uid: selected.uids.at(ranges[0]![0]) }
  const batch: Command[] = [{ ...deliveries[0]!, ...(place.account === selected.account && { replaces: old }) }]
  const outcome = yield* commit(...batch)
  if (isRefusal(outcome)) return diskRefused(outcome.refused)
  const result = outcome[0]!
  if (!result.ok) return refused(result)
  if (place.account !== selected.account) {
    const gone = { kind: 'placement.expunge', account: selected.account, mailbox: old.mailbox } as const
    const removed = yield* commit({ ...gone, uids: [[old.uid, old.uid]], onlyDeleted: false })
    if (isRefusal(removed)) return diskRefused(removed.refused)
  }
  const placed = result.placements![0]!
  // RFC 8508 §3.3: the code comes untagged, before the EXPUNGE.
  session.output.line(`* OK [APPENDUID ${placed.uidValidity} ${placed.uid}] the new message is there`)
  return ok('replaced')
}

/** Flags, date, and the message: a literal, UTF8 (literal), or CATENATE (pieces). */
function readMessage(args: Cursor): Brought {
  let flags: string[] = []
  let receivedAtMs: number | undefined
  if (args.isList()) {
    flags = readFlags(args)
    args.space()
  }
  if (args.peek() === 34) {
    receivedAtMs = args.dateTime()
    args.space()
  }
  if (args.skipKeyword('CATENATE')) {
    args.space()
    return { flags, receivedAtMs, content: readPieces(args) }
  }
  const inUtf8 = args.skipText('UTF8 (')
  const content = args.literal() ?? Buffer.alloc(0)
  if (inUtf8 && !args.skipText(')')) args.fail('a ")" is missing')
  return { flags, receivedAtMs, content }
}

/** One message as it will be kept. */
interface Message {
  readonly bytes: Buffer
  readonly flags: readonly string[]
  readonly receivedAtMs: number | undefined
}

/** The messages of one command; or why one of them cannot be taken. */
function* messagesOf(
  session: ImapSession,
  { rights }: Place,
  brought: readonly Brought[],
): Dialogue<Message[] | Answer> {
  if (!rights.has('i')) return NO_PERMISSION
  const { messageBytes } = session.options.limits
  const messages: Message[] = []
  for (const { content, flags, receivedAtMs } of brought) {
    const whole = Buffer.isBuffer(content) ? content : yield* assemble(session, content)
    if (!Buffer.isBuffer(whole)) return whole
    if (whole.length > messageBytes) return no(`a message may have ${messageBytes} bytes`, 'TOOBIG')
    if (whole.length === 0) return no('an empty message is none', 'CANNOT')
    // RFC 3516 §4.4: NUL is for binary parts, which are kept in base64.
    const bytes = whole.includes(0) ? withoutBinary(whole) : whole
    if (bytes === undefined) return no('NUL outside a part with binary encoding', 'UNKNOWN-CTE')
    // RFC 4314 §4: flags that the client may not set there are left out.
    messages.push({ bytes, flags: flags.filter((flag) => rights.has(rightFor(flag))), receivedAtMs })
  }
  return messages
}

/** The bodies stored, and the commands that deliver them. */
function* deliveriesOf(
  session: ImapSession,
  messages: readonly { readonly place: Place; readonly message: Message }[],
): Dialogue<Delivery[] | Answer> {
  const nowMs = session.options.now()
  const blobs = yield* putBlobs(messages.map(({ message }) => message.bytes))
  if (isRefusal(blobs)) return diskRefused(blobs.refused)
  return messages.map(({ place: { account, mailbox }, message: { bytes, flags, receivedAtMs } }, index) => ({
    kind: 'email.deliver',
    account,
    mailboxes: [mailbox.id],
    blob: blobs[index]!,
    summary: summarise(bytes),
    flags,
    receivedAtMs: receivedAtMs ?? nowMs,
    savedAtMs: nowMs,
    verdict: null,
  }))
}
