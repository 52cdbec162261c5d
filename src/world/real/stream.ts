// A real TCP connection as a pulled Stream. Up to 64 KiB are read ahead; then the socket is paused, so that the kernel's
// window slows the peer. The socket's errors settle whoever waits and never escape.

import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import {
  type Endpoint,
  NetworkError,
  type Stream,
  type TlsClientSide,
  type TlsInfo,
  type TlsServerSide,
} from '../network.ts'
import { shakeHands } from './tls.ts'

const readAheadBytes = 64 * 1024
const handshakeTimeoutMs = 30_000

interface Waiter<T> {
  readonly resolve: (value: T) => void
  readonly reject: (error: Error) => void
}

export class SocketStream implements Stream {
  readonly local: Endpoint
  readonly remote: Endpoint
  #tls: TlsInfo | undefined
  #socket: Socket | TLSSocket
  #inbox: Buffer[] = []
  #inboxBytes = 0
  #isPeerEnded = false
  #broken: NetworkError | undefined
  #reader: (Waiter<Uint8Array | null> & { readonly timer: NodeJS.Timeout | undefined }) | undefined
  #writers: Waiter<void>[] = []
  #isEnded = false
  #isShakingHands = false
  /** Unread bytes that had arrived when we last wrote: what a STARTTLS reply must not let through. */
  #unreadAtWrite = 0

  constructor(socket: Socket) {
    this.local = { address: plainAddress(socket.localAddress), port: socket.localPort ?? 0 }
    this.remote = { address: plainAddress(socket.remoteAddress), port: socket.remotePort ?? 0 }
    this.#socket = socket
    this.#attach(socket)
  }

  get tls(): TlsInfo | undefined {
    return this.#tls
  }

  read(timeoutMs?: number): Promise<Uint8Array | null> {
    if (this.#reader !== undefined) throw new Error('A read is already waiting on this stream.')
    const next = this.#inbox.shift()
    if (next !== undefined) {
      this.#inboxBytes -= next.length
      this.#unreadAtWrite = Math.max(0, this.#unreadAtWrite - next.length)
      if (this.#inbox.length === 0 && this.#socket.isPaused()) this.#socket.resume()
      return Promise.resolve(next)
    }
    if (this.#broken !== undefined) return Promise.reject(this.#broken)
    if (this.#isPeerEnded) return Promise.resolve(null)
    return new Promise((resolve, reject) => {
      const timer =
        timeoutMs === undefined
          ? undefined
          : setTimeout(() => {
              this.#reader = undefined
              reject(new NetworkError('timeout', `${this.remote.address} sent nothing for ${timeoutMs} ms.`))
            }, timeoutMs)
      this.#reader = { resolve, reject, timer }
    })
  }

  write(bytes: Uint8Array): Promise<void> {
    if (this.#broken !== undefined) return Promise.reject(this.#broken)
    if (this.#isEnded) return Promise.reject(new NetworkError('reset', 'Our side of the stream is closed.'))
    if (this.#tls === undefined) this.#unreadAtWrite = this.#inboxBytes + this.#socket.readableLength
    if (this.#socket.write(bytes)) return Promise.resolve()
    return new Promise((resolve, reject) => this.#writers.push({ resolve, reject }))
  }

  end(): void {
    if (this.#isEnded || this.#broken !== undefined) return
    this.#isEnded = true
    this.#socket.end()
  }

  destroy(): void {
    this.#break(new NetworkError('reset', 'The stream was destroyed.'))
    this.#inbox = []
    this.#inboxBytes = 0
  }

  async startTls(side: TlsServerSide | TlsClientSide, timeoutMs = handshakeTimeoutMs): Promise<TlsInfo> {
    if (this.#broken !== undefined) throw this.#broken
    if (this.#tls !== undefined || this.#isShakingHands || this.#reader !== undefined) {
      throw new Error('startTls on a stream that is encrypted, shaking hands or being read.')
    }
    if (this.#isPeerEnded) {
      this.destroy()
      throw new NetworkError('tls', 'The peer closed before the handshake.')
    }
    this.#isShakingHands = true
    const plain = this.#socket
    this.#detach(plain)
    this.#keepHandshakeOnly(side.role, plain)
    try {
      const { socket, info } = await shakeHands(plain, side, timeoutMs)
      this.#socket = socket
      this.#tls = info
      // Destroyed while the handshake was under way.
      if (this.#broken !== undefined) throw this.#broken
      // From here on the encrypted socket tells of the end, after its last bytes.
      plain.off('close', this.#onClose)
      this.#attach(socket)
      return info
    } catch (error) {
      const failure = new NetworkError('tls', (error as Error).message)
      this.#break(failure)
      throw failure
    } finally {
      this.#isShakingHands = false
    }
  }

  /**
   * RFC 3207 §4.2 and CVE-2011-0411: nothing said in plain text counts after STARTTLS. A server never speaks first in
   * TLS, so a client drops everything unread. A client's hello may have followed our reply already, so a server drops
   * what had arrived before it wrote that reply, and gives the rest to TLS, which takes nothing but a hello.
   */
  #keepHandshakeOnly(role: 'server' | 'client', socket: Socket): void {
    const late = socket.read() as Buffer | null
    if (late !== null) this.#inbox.push(late)
    const unread = Buffer.concat(this.#inbox)
    this.#inbox = []
    this.#inboxBytes = 0
    if (role === 'server' && unread.length > this.#unreadAtWrite) socket.unshift(unread.subarray(this.#unreadAtWrite))
  }

  #attach(socket: Socket): void {
    socket.on('data', this.#onData)
    socket.on('end', this.#onEnd)
    socket.on('drain', this.#onDrain)
    socket.on('error', this.#onError)
    socket.on('close', this.#onClose)
  }

  #detach(socket: Socket): void {
    socket.pause()
    socket.off('data', this.#onData)
    socket.off('end', this.#onEnd)
    // Error and close stay: they concern the connection whoever reads from it.
  }

  readonly #onData = (bytes: Buffer) => {
    if (this.#broken !== undefined) return
    if (this.#reader !== undefined) {
      this.#settleReader((reader) => reader.resolve(bytes))
      return
    }
    this.#inbox.push(bytes)
    this.#inboxBytes += bytes.length
    if (this.#inboxBytes >= readAheadBytes) this.#socket.pause()
  }

  readonly #onEnd = () => {
    this.#isPeerEnded = true
    this.#settleReader((reader) => reader.resolve(null))
  }

  readonly #onDrain = () => {
    for (const writer of this.#writers.splice(0)) writer.resolve()
  }

  readonly #onError = (error: Error) => {
    this.#break(new NetworkError('reset', error.message))
  }

  readonly #onClose = () => {
    // After a clean end of both sides there is nothing left to tell; unread bytes stay readable.
    if (this.#isPeerEnded && this.#isEnded) {
      for (const writer of this.#writers.splice(0)) writer.resolve()
      return
    }
    this.#break(new NetworkError('reset', 'The connection was closed.'))
  }

  #break(error: NetworkError): void {
    this.#socket.destroy()
    if (this.#broken !== undefined) return
    this.#broken = error
    this.#settleReader((reader) => reader.reject(error))
    for (const writer of this.#writers.splice(0)) writer.reject(error)
  }

  #settleReader(settle: (reader: Waiter<Uint8Array | null>) => void): void {
    const reader = this.#reader
    if (reader === undefined) return
    this.#reader = undefined
    clearTimeout(reader.timer)
    settle(reader)
  }
}

/** IPv4 in IPv6 clothes (a '::' listener) is IPv4. */
function plainAddress(address: string | undefined): string {
  return address?.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : (address ?? '')
}
