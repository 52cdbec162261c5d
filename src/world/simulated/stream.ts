// One end of a simulated TCP connection: ordered bytes with delay, a bounded window (64 KiB), half-close, resets,
// retransmission across partitions, and STARTTLS as a modelled handshake (no cryptography: the bytes flow on, marked).

import {
  type Endpoint,
  NetworkError,
  type Stream,
  type TlsClientSide,
  type TlsInfo,
  type TlsServerSide,
} from '../network.ts'
import type { SimulatedHost } from './host.ts'
import type { Life, QueuedEvent } from './queue.ts'
import type { Simulation } from './simulation.ts'
import { clientCertificateOf, modelledBindings, modelledExporter, verifyModelled } from './tls.ts'

/** Bytes under way or unread above which `write` waits. */
const windowBytes = 64 * 1024
/** How long unanswered retransmissions go on before the connection counts as broken. */
const giveUpAfterMs = 120_000
const firstRetransmissionMs = 200
/** Once: an error for each end that is closed would cost more than the rest of closing. */
const DESTROYED = new NetworkError('reset', 'The stream was destroyed.')
const handshakeTimeoutMs = 30_000
/** What a client's first flight looks like to a server that does not speak TLS. */
const helloBytes = Buffer.from([0x16, 0x03, 0x01, 0x00, 0x00])

type Segment =
  | { readonly kind: 'data'; readonly bytes: Uint8Array }
  | { readonly kind: 'fin' }
  | { readonly kind: 'client-hello'; readonly side: TlsClientSide }
  | { readonly kind: 'server-hello'; readonly side: TlsServerSide; readonly exporter: Buffer }

interface Waiter<T> {
  readonly resolve: (value: T) => void
  readonly reject: (error: Error) => void
}

export class SimulatedStream implements Stream {
  readonly local: Endpoint
  readonly remote: Endpoint
  tls: TlsInfo | undefined
  readonly #simulation: Simulation
  readonly #host: SimulatedHost
  readonly #life: Life
  readonly #peerHost: SimulatedHost
  readonly #localText: string
  readonly #remoteText: string
  #peer: SimulatedStream | undefined
  /** Segments keep their order: none arrives before this. */
  #lastArrivalMs = 0
  /** Written here and not yet read by the peer. */
  #outstandingBytes = 0
  #writers: Waiter<void>[] = []
  #isEnded = false
  /** Arrived, unread. */
  #inbox: Exclude<Segment, { kind: 'fin' }>[] = []
  #isPeerEnded = false
  #reader: (Waiter<Uint8Array | null> & { readonly timer: QueuedEvent | undefined }) | undefined
  #broken: NetworkError | undefined
  #handshake:
    | (Waiter<TlsInfo> & { readonly side: TlsServerSide | TlsClientSide; readonly timer: QueuedEvent })
    | undefined
  /** Segments that could not leave because of a partition or a dead peer, oldest first. */
  #stalled: Segment[] = []
  #stalledSinceMs = 0

  constructor(
    simulation: Simulation,
    host: SimulatedHost,
    life: Life,
    peerHost: SimulatedHost,
    local: Endpoint,
    remote: Endpoint,
  ) {
    this.#simulation = simulation
    this.#host = host
    this.#life = life
    this.#peerHost = peerHost
    this.local = local
    this.remote = remote
    this.#localText = endpointText(local)
    this.#remoteText = endpointText(remote)
  }

  /** Used once, by joinEnds. */
  join(peer: SimulatedStream, firstArrivalMs: number): void {
    this.#peer = peer
    this.#lastArrivalMs = firstArrivalMs
  }

  read(timeoutMs?: number): Promise<Uint8Array | null> {
    if (!this.#life.alive) return new Promise(() => {})
    if (this.#reader !== undefined) throw new Error('A read is already waiting on this stream.')
    const next = this.#inbox.shift()
    if (next !== undefined) {
      const bytes = next.kind === 'data' ? next.bytes : helloBytes
      if (next.kind === 'data') this.#consumed(bytes.length)
      return Promise.resolve(bytes)
    }
    if (this.#broken !== undefined) return Promise.reject(this.#broken)
    if (this.#isPeerEnded) return Promise.resolve(null)
    return new Promise((resolve, reject) => {
      const timer =
        timeoutMs === undefined
          ? undefined
          : this.#schedule(timeoutMs, 'read-timeout', () => {
              this.#reader = undefined
              reject(new NetworkError('timeout', `${this.#remoteText} sent nothing for ${timeoutMs} ms.`))
            })
      this.#reader = { resolve, reject, timer }
    })
  }

  write(bytes: Uint8Array): Promise<void> {
    if (!this.#life.alive) return new Promise(() => {})
    if (this.#broken !== undefined) return Promise.reject(this.#broken)
    if (this.#isEnded) return Promise.reject(new NetworkError('reset', 'Our side of the stream is closed.'))
    this.#outstandingBytes += bytes.length
    const step = this.#simulation.links.between(this.#host.name, this.#peerHost.name).segmentBytes
    for (let at = 0; at < bytes.length; at += step) {
      this.#transmit({ kind: 'data', bytes: bytes.length <= step ? bytes : bytes.subarray(at, at + step) })
    }
    if (this.#broken !== undefined) return Promise.reject(this.#broken)
    if (this.#outstandingBytes <= windowBytes) return Promise.resolve()
    return new Promise((resolve, reject) => this.#writers.push({ resolve, reject }))
  }

  end(): void {
    if (!this.#life.alive || this.#isEnded || this.#broken !== undefined) return
    this.#isEnded = true
    this.#transmit({ kind: 'fin' })
  }

  destroy(): void {
    if (!this.#life.alive || this.#broken !== undefined) return
    // As kernels do: what was written still arrives and is followed by a FIN, unless bytes were left unread here.
    const hasUnread = this.#inbox.length > 0
    if (!hasUnread) this.end()
    this.#break(DESTROYED)
    this.#inbox = []
    if (hasUnread) this.#reset()
  }

  startTls(side: TlsServerSide | TlsClientSide): Promise<TlsInfo> {
    if (!this.#life.alive) return new Promise(() => {})
    if (this.#broken !== undefined) return Promise.reject(this.#broken)
    if (this.tls !== undefined || this.#handshake !== undefined || this.#reader !== undefined) {
      throw new Error('startTls on a stream that is encrypted, shaking hands or being read.')
    }
    // RFC 3207 §4.2: what was said before the handshake is forgotten.
    let hello: Segment | undefined
    for (const segment of this.#inbox) {
      if (segment.kind === 'data') this.#consumed(segment.bytes.length)
      else hello = segment
    }
    this.#inbox = []
    return new Promise((resolve, reject) => {
      const timer = this.#schedule(handshakeTimeoutMs, 'tls-timeout', () =>
        this.#failHandshake('No TLS handshake came.'),
      )
      this.#handshake = { side, resolve, reject, timer }
      if (side.role === 'client') this.#transmit({ kind: 'client-hello', side })
      else if (hello !== undefined) this.#shakeHands(hello)
      else if (this.#isPeerEnded) this.#failHandshake('The peer closed before the handshake.')
    })
  }

  /** A segment from the peer, in order. */
  #arrive(segment: Segment): void {
    if (this.#broken !== undefined) {
      // Bytes for a socket that is gone are answered with a reset.
      if (segment.kind !== 'fin') this.#reset()
      return
    }
    if (segment.kind === 'fin') {
      this.#isPeerEnded = true
      if (this.#handshake !== undefined) this.#failHandshake('The peer closed during the handshake.')
      else this.#settleReader((reader) => reader.resolve(null))
    } else if (this.#handshake !== undefined) this.#shakeHands(segment)
    else if (this.#reader !== undefined) {
      const bytes = segment.kind === 'data' ? segment.bytes : helloBytes
      if (segment.kind === 'data') this.#consumed(bytes.length)
      this.#settleReader((reader) => reader.resolve(bytes))
    } else this.#inbox.push(segment)
  }

  #shakeHands(segment: Segment): void {
    const { side, resolve, timer } = this.#handshake!
    if (side.role === 'server' && segment.kind === 'client-hello') {
      const exporter = modelledExporter(this.#remoteText, this.#localText, this.#simulation.nowMs)
      const shown = side.identity.asksClients ? clientCertificateOf(segment.side) : undefined
      const info = {
        ...modelledTls,
        authorized: false,
        serverName: segment.side.serverName,
        bindings: modelledBindings(side.identity, exporter),
        ...(shown && { clientCertificate: shown }),
      }
      this.#handshake = undefined
      this.#simulation.cancel(timer)
      this.tls = info
      this.#transmit({ kind: 'server-hello', side, exporter })
      resolve(info)
    } else if (side.role === 'client' && segment.kind === 'server-hello') {
      const verdict = verifyModelled(
        segment.side.identity,
        side,
        this.#simulation.trusted,
        this.#simulation.startMs + this.#simulation.nowMs,
      )
      if (!verdict.authorized && side.mustAuthenticate) {
        this.#failHandshake(verdict.authorizationError!)
        return
      }
      this.#handshake = undefined
      this.#simulation.cancel(timer)
      const bindings = modelledBindings(segment.side.identity, segment.exporter)
      this.tls = { ...modelledTls, ...verdict, bindings }
      resolve(this.tls)
    } else {
      if (segment.kind === 'data') this.#consumed(segment.bytes.length)
      this.#failHandshake('Plain text arrived in place of a handshake.')
    }
  }

  #failHandshake(reason: string): void {
    const handshake = this.#handshake!
    this.#handshake = undefined
    this.#simulation.cancel(handshake.timer)
    this.destroy()
    handshake.reject(new NetworkError('tls', reason))
  }

  #transmit(segment: Segment): void {
    // Nothing may follow a segment that broke the connection: the peer would read on across the gap.
    if (this.#broken !== undefined) return
    const { links } = this.#simulation
    if (this.#stalled.length > 0) {
      this.#stalled.push(segment)
      return
    }
    if (!this.#peerHost.isUp || links.isCut(this.#host.name, this.#peerHost.name)) {
      this.#stalled.push(segment)
      this.#stalledSinceMs = this.#simulation.nowMs
      this.#retransmitAfter(firstRetransmissionMs)
      return
    }
    const link = links.between(this.#host.name, this.#peerHost.name)
    if (links.isUnlucky(link.resets)) {
      this.#reset()
      this.#break(new NetworkError('reset', `${this.#remoteText} reset the connection.`))
      return
    }
    const peer = this.#peer!
    const now = this.#simulation.nowMs
    this.#lastArrivalMs = Math.max(this.#lastArrivalMs + link.segmentMs, now + links.segmentDelayMs(link))
    const bytes = segment.kind === 'data' ? segment.bytes : undefined
    this.#simulation.scheduleAt(
      this.#lastArrivalMs,
      undefined,
      segment.kind,
      this.#localText,
      this.#remoteText,
      bytes,
      () => {
        if (peer.#life.alive) peer.#arrive(segment)
        else peer.#answerForTheDead(segment)
      },
    )
  }

  /** A segment for an incarnation that has ended: a machine that is up again resets, one that is down says nothing. */
  #answerForTheDead(segment: Segment): void {
    if (this.#host.isUp) this.#reset()
    else this.#peer!.#stallAgain(segment)
  }

  #stallAgain(segment: Segment): void {
    if (!this.#life.alive || this.#broken !== undefined) return
    this.#stalled.push(segment)
    if (this.#stalled.length > 1) return
    this.#stalledSinceMs = this.#simulation.nowMs
    this.#retransmitAfter(firstRetransmissionMs)
  }

  #retransmitAfter(delayMs: number): void {
    this.#schedule(delayMs, 'retransmit', () => {
      if (this.#broken !== undefined) return
      const isCut = this.#simulation.links.isCut(this.#host.name, this.#peerHost.name)
      if (this.#peerHost.isUp && !isCut) {
        const segments = this.#stalled
        this.#stalled = []
        for (const segment of segments) this.#transmit(segment)
      } else if (this.#simulation.nowMs - this.#stalledSinceMs > giveUpAfterMs) {
        this.#break(new NetworkError('reset', `${this.#remoteText} no longer answers.`))
      } else this.#retransmitAfter(Math.min(delayMs * 2, 30_000))
    })
  }

  /** Sends a reset: the peer's end breaks when it arrives. */
  #reset(): void {
    const peer = this.#peer
    const { links } = this.#simulation
    if (peer === undefined || links.isCut(this.#host.name, this.#peerHost.name)) return
    const delayMs = links.delayMs(links.between(this.#host.name, this.#peerHost.name))
    this.#simulation.schedule(delayMs, peer.#life, 'reset', this.#localText, this.#remoteText, undefined, () => {
      if (peer.#isPeerEnded && peer.#isEnded) return
      peer.#break(new NetworkError('reset', `${peer.#remoteText} reset the connection.`))
    })
  }

  #break(error: NetworkError): void {
    if (this.#broken !== undefined) return
    this.#broken = error
    this.#stalled = []
    this.#settleReader((reader) => reader.reject(error))
    for (const writer of this.#writers.splice(0)) writer.reject(error)
    const handshake = this.#handshake
    this.#handshake = undefined
    if (handshake !== undefined) {
      this.#simulation.cancel(handshake.timer)
      handshake.reject(new NetworkError('tls', error.message))
    }
  }

  #settleReader(settle: (reader: Waiter<Uint8Array | null>) => void): void {
    const reader = this.#reader
    if (reader === undefined) return
    this.#reader = undefined
    if (reader.timer !== undefined) this.#simulation.cancel(reader.timer)
    settle(reader)
  }

  /** Our reader took bytes: the peer's window opens, and its writers learn of it one way later. */
  #consumed(bytes: number): void {
    const peer = this.#peer!
    const wasFull = peer.#outstandingBytes > windowBytes
    peer.#outstandingBytes -= bytes
    if (!wasFull || peer.#outstandingBytes > windowBytes || peer.#writers.length === 0) return
    const { links } = this.#simulation
    const delayMs = links.delayMs(links.between(this.#host.name, this.#peerHost.name))
    this.#simulation.schedule(delayMs, peer.#life, 'window', this.#localText, this.#remoteText, undefined, () => {
      for (const writer of peer.#writers.splice(0)) writer.resolve()
    })
  }

  #schedule(delayMs: number, kind: string, action: () => void): QueuedEvent {
    return this.#simulation.schedule(delayMs, this.#life, kind, this.#localText, this.#remoteText, undefined, action)
  }
}

const modelledTls = { protocol: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384' } as const

/** Makes two ends one connection. The far end's first bytes arrive no earlier than its accept. */
export function joinEnds(near: SimulatedStream, far: SimulatedStream, acceptArrivalMs: number): void {
  near.join(far, 0)
  far.join(near, acceptArrivalMs)
}

export function endpointText(endpoint: Endpoint): string {
  return endpoint.address.includes(':')
    ? `[${endpoint.address}]:${endpoint.port}`
    : `${endpoint.address}:${endpoint.port}`
}
