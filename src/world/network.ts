// Network: TCP streams with TLS, and UDP datagrams. Addresses are text, IPv4 or IPv6 without brackets.

export interface Endpoint {
  readonly address: string
  /** 0 on listen means: any free port. */
  readonly port: number
}

/** A Unix domain socket of this machine, by absolute path. The simulated world has none: there it is always refused. */
export interface LocalSocket {
  readonly path: string
}

export interface TlsInfo {
  /** 'TLSv1.3', … */
  readonly protocol: string
  readonly cipher: string
  /** Client side: did the server's certificate verify for the name asked. Never decides by itself. */
  readonly authorized: boolean
  readonly authorizationError?: string
  /** Client side: the certificates the server sent, DER, its own first (for DANE, RFC 7672 §3). */
  readonly peerCertificates?: readonly Buffer[]
  /** Server side: the name the client asked for (SNI). */
  readonly serverName?: string
  /** Server side: the certificate that the client showed, DER. It has the key; nobody has looked whose it is. */
  readonly clientCertificate?: Buffer
  /** What the two ends of this session know and nobody between them, to tie a proof to it (RFC 5056). */
  readonly bindings?: readonly ChannelBinding[]
}

/** RFC 9266; RFC 5929 §3 (TLS 1.2 only, and not where the session was resumed); RFC 5929 §4. */
export interface ChannelBinding {
  readonly type: 'tls-exporter' | 'tls-unique' | 'tls-server-end-point'
  readonly data: Buffer
}

/** A certificate and key, PEM. */
export interface TlsIdentity {
  readonly certificatePem: string
  readonly privateKeyPem: string
  /** A server's: clients are asked for a certificate of theirs. One that shows none is as welcome. */
  readonly asksClients?: boolean
}

/** Why a stream or a connection attempt failed. `code` is for programs, `message` for people. */
export class NetworkError extends Error {
  readonly code:
    | 'refused'
    | 'unreachable'
    | 'timeout'
    | 'reset'
    | 'tls'
    | 'address-in-use'
    | 'address-not-available'
    | 'denied'
  constructor(code: NetworkError['code'], message: string) {
    super(message)
    this.name = 'NetworkError'
    this.code = code
  }
}

/** A byte stream between two endpoints. Reading is pulled, so that a slow consumer slows the peer. */
export interface Stream {
  readonly local: Endpoint
  readonly remote: Endpoint
  /** Present once the stream is encrypted. */
  readonly tls: TlsInfo | undefined
  /**
   * The next bytes, or null when the peer has closed its side. At most one read at a time.
   * @throws NetworkError 'timeout' after `timeoutMs` without bytes (the stream stays usable), 'reset' when it broke.
   */
  read(timeoutMs?: number): Promise<Uint8Array | null>
  /**
   * Queues bytes; resolves when the send buffer is below its high-water mark (backpressure). The bytes must not be
   * changed afterwards. Writes made from several places keep their order.
   * @throws NetworkError 'reset' when the stream is gone.
   */
  write(bytes: Uint8Array): Promise<void>
  /** Closes our side after everything written has left; the peer may still send. */
  end(): void
  /** Drops the stream at once. Idempotent. */
  destroy(): void
  /**
   * Turns the stream into TLS. Bytes that arrived in plain text and were not read yet are discarded
   * (RFC 3207 §4.2: nothing said before the handshake counts).
   * @throws NetworkError 'tls' (the stream is then destroyed).
   */
  startTls(side: TlsServerSide | TlsClientSide): Promise<TlsInfo>
}

export interface TlsServerSide {
  readonly role: 'server'
  readonly identity: TlsIdentity
}
export interface TlsClientSide {
  readonly role: 'client'
  /** Sent as SNI when it is a name, and checked against the certificate. */
  readonly serverName: string
  /** Trust anchors (PEM) instead of the system's. */
  readonly trusted?: readonly string[]
  /** Shown to a server that asks. */
  readonly identity?: TlsIdentity
  /** When true, an unauthenticated certificate fails the handshake; else it is only reported in TlsInfo. */
  readonly mustAuthenticate: boolean
}

export interface Listener {
  readonly endpoint: Endpoint
  /** Stops listening; streams already accepted live on. */
  close(): Promise<void>
}

export interface Datagram {
  readonly bytes: Buffer
  readonly from: Endpoint
}

/** A bound UDP socket. */
export interface UdpSocket {
  readonly endpoint: Endpoint
  send(bytes: Uint8Array, to: Endpoint): void
  close(): void
}

export interface Network {
  /**
   * Accepts streams. With `tls`, the handshake is done before `accept` is called (implicit TLS), with the identity of that
   * moment where a function gives it: certificates are renewed while a listener lives.
   * @throws NetworkError 'address-in-use' | 'address-not-available' | 'denied'
   */
  listen(at: Endpoint, accept: (stream: Stream) => void, tls?: TlsIdentity | (() => TlsIdentity)): Promise<Listener>
  /**
   * Accepts streams of this machine's own user at a path, and of nobody else. What lies there from a process that is gone is
   * replaced: the caller holds what keeps two of them apart.
   * @throws NetworkError 'address-not-available' where such a path cannot be, 'denied'
   */
  listenLocal(at: LocalSocket, accept: (stream: Stream) => void): Promise<Pick<Listener, 'close'>>
  /** @throws NetworkError 'refused' | 'unreachable' | 'timeout' | 'address-not-available' | 'denied' */
  connect(
    to: Endpoint | LocalSocket,
    options: { readonly timeoutMs: number; readonly localAddress?: string; readonly tls?: TlsClientSide },
  ): Promise<Stream>
  /** @throws NetworkError 'address-in-use' | 'address-not-available' */
  udp(at: Endpoint, receive: (datagram: Datagram) => void): Promise<UdpSocket>
}
