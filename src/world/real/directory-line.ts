// One connection to an LDAP server, TLS from the start or after STARTTLS (RFC 4511 §4.14): nothing is said before the server
// has proven its name. The handshake is ours and not the client library's: whatever somebody between slipped in before it
// must not be read as said after it.

import { connect as connectPlain, type Socket } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { Client } from 'ldapts'
import { DirectoryError, type DirectoryPlace } from '../directory.ts'

/** ExtendedRequest of 1.3.6.1.4.1.1466.20037, message 1. */
const START_TLS = Buffer.concat([
  Buffer.from([0x30, 0x1d, 0x02, 0x01, 0x01, 0x77, 0x18, 0x80, 0x16]),
  Buffer.from('1.3.6.1.4.1.1466.20037'),
])
const MOST_ANSWER_BYTES = 1000

export interface Line {
  readonly client: Client
  readonly socket: Socket
  readonly isOpen: () => boolean
}

/** @throws DirectoryError; `sockets` gets what was opened, so that whoever loses patience can end it */
export async function openLine(
  place: DirectoryPlace,
  timeoutMs: number,
  sockets: (socket: Socket) => void,
): Promise<Line> {
  const { host, port, security } = place
  const plain = connectPlain({ host, port })
  sockets(plain)
  plain.setNoDelay(true)
  await happened(plain, 'connect')
  if (security === 'starttls') await startTls(plain)
  const socket = secure(plain, place)
  plain.on('error', () => {}).once('close', () => socket.destroy())
  await happened(socket, 'secureConnect')
  // Each end of it is told to whoever asks next; nobody listens now.
  socket.on('error', () => {})
  let isGiven = false
  const client = new Client({
    // What it is called and how it is secured was settled above.
    url: 'ldap://directory',
    timeout: timeoutMs,
    createConnection: (() => {
      // The library would connect again by itself, without a handshake.
      if (isGiven) throw new DirectoryError('The connection has ended.')
      isGiven = true
      return socket
    }) as unknown as typeof connectPlain,
  })
  return { client, socket, isOpen: () => !socket.destroyed && socket.readyState === 'open' }
}

function secure(socket: Socket, { host, trusted }: DirectoryPlace): TLSSocket {
  return connectTls({ socket, host, servername: host, minVersion: 'TLSv1.2', ...(trusted && { ca: [...trusted] }) })
}

function happened(socket: Socket, event: 'connect' | 'secureConnect'): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error?: Error) => reject(new DirectoryError(error?.message ?? 'The server hung up.'))
    socket.once(event, () => {
      socket.off('error', failed).off('close', failed)
      resolve()
    })
    socket.once('error', failed).once('close', () => failed())
  })
}

/** Asks for TLS; the answer must be just the answer. */
async function startTls(socket: Socket): Promise<void> {
  socket.write(START_TLS)
  let heard = Buffer.alloc(0)
  await new Promise<void>((resolve, reject) => {
    const settle = (error?: DirectoryError) => {
      socket.pause()
      socket.off('data', onData).off('error', onEnd).off('close', onEnd)
      if (error === undefined) resolve()
      else reject(error)
    }
    const onEnd = () => settle(new DirectoryError('The server hung up instead of starting TLS.'))
    const onData = (bytes: Buffer) => {
      heard = Buffer.concat([heard, bytes])
      const size = sizeOf(heard)
      if (heard.length > MOST_ANSWER_BYTES || size === 'none')
        return settle(new DirectoryError('That is no LDAP server.'))
      if (size === 'more' || heard.length < size) return
      if (heard.length > size) return settle(new DirectoryError('Something was slipped in before TLS.'))
      settle(isStarted(heard) ? undefined : new DirectoryError('The server does not start TLS.'))
    }
    socket.on('data', onData).on('error', onEnd).on('close', onEnd)
  })
}

/** Of a BER sequence, with its head. */
function sizeOf(bytes: Buffer): number | 'more' | 'none' {
  if (bytes.length < 2) return 'more'
  if (bytes[0] !== 0x30) return 'none'
  const first = bytes[1]!
  if (first < 0x80) return 2 + first
  const count = first & 0x7f
  if (count === 0 || count > 4) return 'none'
  return bytes.length < 2 + count ? 'more' : 2 + count + bytes.readUIntBE(2, count)
}

/** An ExtendedResponse to message 1 whose result is success: 02 01 01, 78 length, 0a 01 00. */
function isStarted(answer: Buffer): boolean {
  const head = 2 + (answer[1]! < 0x80 ? 0 : answer[1]! & 0x7f)
  const body = answer.subarray(head)
  if (!body.subarray(0, 4).equals(Buffer.from([0x02, 0x01, 0x01, 0x78]))) return false
  const inner = body[4]! < 0x80 ? 5 : 5 + (body[4]! & 0x7f)
  return body.subarray(inner, inner + 3).equals(Buffer.from([0x0a, 0x01, 0x00]))
}
