// One question to one server: UDP with EDNS0, then TCP when the answer was truncated or somebody guesses at it.
// Against forged answers (RFC 5452 §9): a fresh port and a random id for each question, the letters' case of the name
// as a further secret (0x20), and everything compared before an answer is believed.

import type { Endpoint, Network, Stream } from '../../world/network.ts'
import type { Clock, Random } from '../../world/world.ts'
import { decodeMessage, encodeQuestion, frameForTcp, type Message, type Question, TcpFrames } from './wire.ts'

/** Datagrams that are not our answer after which UDP is given up: somebody is guessing. */
const mostForgeries = 10

export interface ExchangeContext {
  readonly network: Network
  readonly clock: Clock
  readonly random: Random
  readonly timeoutMs: number
}

export type ExchangeResult =
  | { readonly kind: 'message'; readonly message: Message }
  | { readonly kind: 'failure'; readonly reason: string }

/** Never rejects. */
export async function askServer(
  context: ExchangeContext,
  server: Endpoint,
  name: string,
  type: Question['type'],
  withEdns: boolean,
): Promise<ExchangeResult> {
  const asked: Asked = { id: context.random.integer(65_536), name: withRandomCase(name, context.random), type }
  const query = encodeQuestion(asked.id, asked.name, type, withEdns)
  try {
    const datagram = await overUdp(context, server, asked, query)
    return datagram === 'use-tcp' ? await overTcp(context, server, asked, query) : datagram
  } catch (error) {
    return failure((error as Error).message)
  }
}

interface Asked {
  readonly id: number
  readonly name: string
  readonly type: Question['type']
}

async function overUdp(
  { network, clock, timeoutMs }: ExchangeContext,
  server: Endpoint,
  asked: Asked,
  query: Buffer,
): Promise<ExchangeResult | 'use-tcp'> {
  let settle: (result: ExchangeResult | 'use-tcp') => void = () => {}
  const settled = new Promise<ExchangeResult | 'use-tcp'>((resolve) => {
    settle = resolve
  })
  let forgeries = 0
  const any = { address: server.address.includes(':') ? '::' : '0.0.0.0', port: 0 }
  const socket = await network.udp(any, ({ bytes, from }) => {
    const isFromServer = from.address === server.address && from.port === server.port
    const message = isFromServer ? decodeMessage(bytes) : undefined
    if (message !== undefined && message.id === asked.id && message.flag_qr) {
      if (message.flag_tc) return settle('use-tcp')
      if (isAnswerTo(message, asked)) return settle({ kind: 'message', message })
      // Right but for the case of the name: a server that loses it, or a guess. TCP knows which.
      if (isAnswerTo(message, asked, true)) return settle('use-tcp')
    } else if (isFromServer && bytes.length >= 2 && bytes.readUInt16BE(0) === asked.id) {
      // It knows our id and port, so it is the server; what it says cannot be read.
      return settle(failure('The answer was malformed.'))
    }
    if (++forgeries >= mostForgeries) settle('use-tcp')
  })
  const timer = clock.after(timeoutMs, () => settle(failure('No answer in time.')))
  socket.send(query, server)
  try {
    return await settled
  } finally {
    timer.cancel()
    socket.close()
  }
}

async function overTcp(
  { network, clock, timeoutMs }: ExchangeContext,
  server: Endpoint,
  asked: Asked,
  query: Buffer,
): Promise<ExchangeResult> {
  const stream = await network.connect(server, { timeoutMs })
  // One limit for the whole answer: a server that drips bytes does not hold us.
  const timer = clock.after(timeoutMs, () => stream.destroy())
  try {
    await stream.write(frameForTcp(query))
    return await readAnswer(stream, asked)
  } finally {
    timer.cancel()
    stream.destroy()
  }
}

async function readAnswer(stream: Stream, asked: Asked): Promise<ExchangeResult> {
  const frames = new TcpFrames()
  for (let bytes = await stream.read(); bytes !== null; bytes = await stream.read()) {
    const [first] = frames.receive(bytes)
    if (first === undefined) continue
    const message = decodeMessage(first)
    if (message === undefined || message.id !== asked.id || !message.flag_qr)
      return failure('The answer was malformed.')
    return isAnswerTo(message, asked, true)
      ? { kind: 'message', message }
      : failure('The answer was to another question.')
  }
  return failure('The server closed the connection.')
}

/** RFC 5452 §9.1. Over TCP the case of the name proves nothing more, and some servers lose it. */
function isAnswerTo(message: Message, asked: Asked, ignoreCase = false): boolean {
  // FORMERR and its like may come without the question.
  if (message.questions.length === 0) return message.responseCode !== 0 && message.responseCode !== 3
  const [question] = message.questions
  if (message.questions.length !== 1 || question === undefined) return false
  if (question.type !== asked.type || question.class !== 'IN') return false
  return ignoreCase ? question.name.toLowerCase() === asked.name.toLowerCase() : question.name === asked.name
}

function withRandomCase(name: string, random: Random): string {
  const bits = random.bytes(Math.ceil(name.length / 8))
  let mixed = ''
  for (let at = 0; at < name.length; at++) {
    const isUpper = ((bits[at >> 3]! >> (at & 7)) & 1) === 1
    mixed += isUpper ? name[at]!.toUpperCase() : name[at]
  }
  return mixed
}

function failure(reason: string): ExchangeResult {
  return { kind: 'failure', reason }
}
