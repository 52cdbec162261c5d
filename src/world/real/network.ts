// The real network: listeners, outgoing connections and datagrams through node:net and node:dgram.
// Every error that Node reports ends as a NetworkError or closes the one socket it concerns.

import { createSocket, type Socket as DatagramSocket } from 'node:dgram'
import { lstat, unlink } from 'node:fs/promises'
import { connect, createServer, isIP, isIPv6, type Server, type Socket } from 'node:net'
import type {
  Datagram,
  Endpoint,
  Listener,
  LocalSocket,
  Network,
  Stream,
  TlsClientSide,
  TlsIdentity,
  UdpSocket,
} from '../network.ts'
import { NetworkError } from '../network.ts'
import { SocketStream } from './stream.ts'

const codeOfErrno: Readonly<Record<string, NetworkError['code']>> = {
  ECONNREFUSED: 'refused',
  // A path where no socket is, or none that is listened at.
  ENOENT: 'refused',
  ENOTSOCK: 'refused',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  EAFNOSUPPORT: 'unreachable',
  EPROTONOSUPPORT: 'unreachable',
  ENOTFOUND: 'unreachable',
  ETIMEDOUT: 'timeout',
  EADDRINUSE: 'address-in-use',
  EADDRNOTAVAIL: 'address-not-available',
  EACCES: 'denied',
  EPERM: 'denied',
}

const longestPath = 107

/** Longest queue of connections the kernel may hold for us. */
const backlog = 1024

export class RealNetwork implements Network {
  readonly #localAddress: string | undefined

  constructor(localAddress?: string) {
    this.#localAddress = localAddress
  }

  listen(at: Endpoint, accept: (stream: Stream) => void, tls?: TlsIdentity | (() => TlsIdentity)): Promise<Listener> {
    const server = createServer({ allowHalfOpen: true, noDelay: true, keepAlive: true }, (socket) => {
      const stream = new SocketStream(socket)
      if (tls === undefined) accept(stream)
      else {
        stream.startTls({ role: 'server', identity: typeof tls === 'function' ? tls() : tls }).then(
          () => accept(stream),
          () => stream.destroy(),
        )
      }
    })
    return new Promise((resolve, reject) => {
      server.once('error', (error) => reject(networkError(error)))
      server.listen({ host: at.address, port: at.port, backlog }, () => {
        // Errors of accept (EMFILE) concern one connection attempt: the listener goes on.
        server.removeAllListeners('error')
        server.on('error', () => {})
        const { address, port } = server.address() as { address: string; port: number }
        resolve({ endpoint: { address, port }, close: () => closeServer(server) })
      })
    })
  }

  async listenLocal(at: LocalSocket, accept: (stream: Stream) => void): Promise<Pick<Listener, 'close'>> {
    // sun_path: a longer one would be cut, and so be another.
    if (Buffer.byteLength(at.path) > longestPath)
      throw new NetworkError('address-not-available', `The path ${at.path} is too long for a socket.`)
    const left = await lstat(at.path).catch(() => undefined)
    if (left?.isSocket()) await unlink(at.path)
    const server = createServer({ allowHalfOpen: true }, (socket) => accept(new SocketStream(socket)))
    return new Promise((resolve, reject) => {
      server.once('error', (error) => reject(networkError(error)))
      // Made for its owner alone, from the first moment: it is bound before listen() returns.
      const mask = process.umask(0o177)
      try {
        server.listen(at.path, () => {
          server.removeAllListeners('error')
          server.on('error', () => {})
          resolve({ close: () => closeServer(server) })
        })
      } finally {
        process.umask(mask)
      }
    })
  }

  async connect(
    to: Endpoint | LocalSocket,
    options: { readonly timeoutMs: number; readonly localAddress?: string; readonly tls?: TlsClientSide },
  ): Promise<Stream> {
    const startedMs = performance.now()
    const localAddress = 'path' in to ? undefined : (options.localAddress ?? this.#usualAddressTowards(to.address))
    const socket = await openSocket(to, options.timeoutMs, localAddress)
    const stream = new SocketStream(socket)
    if (options.tls !== undefined) {
      const leftMs = Math.max(1, options.timeoutMs - (performance.now() - startedMs))
      await stream.startTls(options.tls, leftMs)
    }
    return stream
  }

  /** Our usual address serves its own family only. */
  #usualAddressTowards(address: string): string | undefined {
    const own = this.#localAddress
    return own !== undefined && isIPv6(own) === isIPv6(address) ? own : undefined
  }

  udp(at: Endpoint, receive: (datagram: Datagram) => void): Promise<UdpSocket> {
    const socket = createSocket({ type: isIPv6(at.address) ? 'udp6' : 'udp4' })
    return new Promise((resolve, reject) => {
      socket.once('error', (error) => {
        socket.close()
        reject(networkError(error))
      })
      socket.bind({ address: at.address, port: at.port, exclusive: true }, () => {
        socket.removeAllListeners('error')
        // A datagram that could not be sent is a datagram that was lost.
        socket.on('error', () => {})
        socket.on('message', (bytes, { address, port }) => receive({ bytes, from: { address, port } }))
        resolve(udpSocket(socket))
      })
    })
  }
}

function udpSocket(socket: DatagramSocket): UdpSocket {
  const { address, port } = socket.address()
  let isClosed = false
  return {
    endpoint: { address, port },
    send(bytes, to) {
      // A stranger may claim to have sent from port 0; Node throws where nothing can be sent.
      if (isClosed || isIP(to.address) === 0 || to.port < 1 || to.port > 65_535) return
      socket.send(bytes, to.port, to.address, () => {})
    },
    close() {
      if (isClosed) return
      isClosed = true
      socket.close()
    },
  }
}

/** Resolves once the port is free again; does not wait for accepted streams to end, as `server.close` would. */
async function closeServer(server: Server): Promise<void> {
  server.close()
  // The handle is closed on the next turn of the event loop.
  await new Promise((resolve) => setImmediate(resolve))
}

function openSocket(to: Endpoint | LocalSocket, timeoutMs: number, localAddress: string | undefined): Promise<Socket> {
  const name = 'path' in to ? to.path : `${to.address}:${to.port}`
  return new Promise((resolve, reject) => {
    const socket =
      'path' in to
        ? connect({ path: to.path, allowHalfOpen: true })
        : connect({
            host: to.address,
            port: to.port,
            localAddress,
            allowHalfOpen: true,
            noDelay: true,
            keepAlive: true,
            // Addresses only: a name here would be looked up by the system's resolver.
            lookup: (_name, _options, done) => done(new NetworkError('unreachable', `${name} is not an address.`), ''),
          })
    const timer = setTimeout(() => {
      socket.destroy()
      reject(new NetworkError('timeout', `${name} did not answer within ${Math.round(timeoutMs)} ms.`))
    }, timeoutMs)
    const fail = (error: Error) => {
      clearTimeout(timer)
      reject(networkError(error))
    }
    socket.on('error', fail)
    socket.once('connect', () => {
      clearTimeout(timer)
      resolve(socket)
    })
  })
}

/** What Node says of a socket, in our words. */
export function networkError(error: Error): NetworkError {
  if (error instanceof NetworkError) return error
  return new NetworkError(codeOfErrno[(error as NodeJS.ErrnoException).code ?? ''] ?? 'reset', error.message)
}
