// JMAP over WebSocket (RFC 8887): requests and answers without a new HTTP request each, and changes pushed in between.
// A person has a few connections, each with a few requests under way; one that does not read, or is not there any more,
// is dropped.

import type { Duplex } from 'node:stream'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { type WebSocket, WebSocketServer } from 'ws'
import { Concurrency } from '../filter/rate.ts'
import { isObject } from '../protocols/jmap/arguments.ts'
import { handleJson, parseJson, requestError } from '../protocols/jmap/request.ts'
import { stateChange } from '../protocols/jmap/session.ts'
import { type JmapBackend, type Json, LIMITS } from '../protocols/jmap/types.ts'
import { Unattended } from '../roles/unattended.ts'
import type { Clock, Timer } from '../world/world.ts'
import { isOwnPage } from './cookies.ts'
import type { Failed } from './event-stream.ts'
import type { WhoAsks } from './sign-in.ts'

const PATH = '/jmap/ws'
const PROTOCOL = 'jmap'
const PING_MS = 60_000
const GATHER_MS = 20
const MAX_UNREAD_BYTES = 50_000_000
const MAX_PER_PERSON = 30
const MAX_IN_ALL = 5000
const MAX_TYPES = 100

export function addWebSocket(app: FastifyInstance, whoAsks: WhoAsks, clock: Clock, failed: Failed): void {
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: LIMITS.maxSizeRequest,
    // Compression costs memory for each connection, and what it would save is little.
    perMessageDeflate: false,
    handleProtocols: (offered) => (offered.has(PROTOCOL) ? PROTOCOL : false),
  })
  const connections = new Concurrency(MAX_PER_PERSON, MAX_IN_ALL)

  app.server.on('upgrade', (request: FastifyRequest['raw'], socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy())
    open(request, socket, head).catch((error: unknown) => {
      failed(error, `GET ${PATH}`)
      refuse(socket, '500 Internal Server Error')
    })
  })
  app.addHook('preClose', async () => {
    for (const client of server.clients) client.close(1001)
    server.close()
  })
  app.addHook('onClose', async () => {
    for (const client of server.clients) client.terminate()
  })

  async function open(request: FastifyRequest['raw'], socket: Duplex, head: Buffer): Promise<void> {
    if (request.url?.split('?')[0] !== PATH) return refuse(socket, '404 Not Found')
    const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim())
    if (!offered.includes(PROTOCOL)) return refuse(socket, '400 Bad Request')
    const { headers } = request
    // A browser says for any page what it knows of us: its password, too.
    if (!isOwnPage({ headers, method: 'GET' })) return refuse(socket, '403 Forbidden')
    const backend = await whoAsks({ headers, method: 'GET', ip: request.socket.remoteAddress ?? '' })
    if (backend === 'too-many') return refuse(socket, '429 Too Many Requests')
    if (backend === 'unavailable') return refuse(socket, '503 Service Unavailable')
    if (typeof backend !== 'object')
      return refuse(socket, '401 Unauthorized', 'WWW-Authenticate: Basic realm="Borderpost", charset="UTF-8"\r\n')
    const key = backend.account.address
    if (connections.enter(key) !== 'ok') return refuse(socket, '503 Service Unavailable')
    socket.once('close', () => connections.leave(key))
    // Another password, a browser that was signed out, an app password that was revoked: each ends what it opened.
    const credentials = () => backend.store.account(backend.account.id)?.credentials
    const before = credentials()
    const isWelcome = async () => {
      if (credentials() !== before) return false
      const now = await whoAsks({ headers, method: 'GET', ip: request.socket.remoteAddress ?? '' })
      return (
        now === 'too-many' ||
        now === 'unavailable' ||
        (typeof now === 'object' && now.account.id === backend.account.id)
      )
    }
    const said = (error: unknown) => failed(error, `GET ${PATH}`)
    server.handleUpgrade(request, socket, head, (client) => new Connection(client, backend, clock, isWelcome, said))
  }
}

function refuse(socket: Duplex, status: string, fields = ''): void {
  socket.end(`HTTP/1.1 ${status}\r\n${fields}Connection: close\r\nContent-Length: 0\r\n\r\n`)
}

/** One client's side of the line. */
class Connection {
  readonly #client: WebSocket
  readonly #backend: JmapBackend
  readonly #clock: Clock
  /** What the client said of itself when it came would still let it in. */
  readonly #isWelcome: () => Promise<boolean>
  #underWay = 0
  #isAlive = true
  #ping: Timer | undefined
  #unwatch: (() => void) | undefined
  /** What is pushed; undefined: nothing. */
  #types: { readonly only: readonly string[] | undefined } | undefined
  #soon: Timer | undefined
  readonly #telling: Unattended

  constructor(
    client: WebSocket,
    backend: JmapBackend,
    clock: Clock,
    isWelcome: () => Promise<boolean>,
    failed: (error: unknown) => void,
  ) {
    this.#client = client
    this.#backend = backend
    this.#clock = clock
    this.#isWelcome = isWelcome
    this.#telling = new Unattended(clock, () => this.#tell(), failed)
    client.on('message', (data, isBinary) => {
      // RFC 8887 §4.1: text only.
      if (isBinary) client.close(1003)
      else
        this.#receive(data as Buffer).catch((error: unknown) => {
          failed(error)
          client.terminate()
        })
    })
    client.on('pong', () => {
      this.#isAlive = true
    })
    client.on('error', () => client.terminate())
    client.on('close', () => {
      this.#ping?.cancel()
      this.#unwatch?.()
      this.#soon?.cancel()
      this.#telling.stop()
    })
    this.#pingLater()
  }

  #pingLater(): void {
    this.#ping = this.#clock.after(PING_MS, () => {
      this.#isWelcome().then(
        (isWelcome) => {
          if (!this.#isAlive || !isWelcome) return this.#client.terminate()
          if (this.#client.readyState !== this.#client.OPEN) return
          this.#isAlive = false
          this.#client.ping()
          this.#pingLater()
        },
        () => this.#client.terminate(),
      )
    })
  }

  #send(message: Json): void {
    if (this.#client.bufferedAmount > MAX_UNREAD_BYTES) this.#client.terminate()
    else if (this.#client.readyState === this.#client.OPEN) this.#client.send(JSON.stringify(message))
  }

  async #receive(data: Buffer): Promise<void> {
    if (!(await this.#isWelcome())) {
      this.#client.close(1008)
      return
    }
    const json = parseJson(data)
    if ('problem' in json) return this.#fail(json.problem, undefined)
    const message = json.value
    const id = isObject(message) && typeof message.id === 'string' ? message.id.slice(0, 1000) : undefined
    if (!isObject(message)) return this.#fail(requestError('notRequest', 'a message is an object').problem, id)
    switch (message['@type']) {
      case 'Request':
        return this.#request(message, id)
      case 'WebSocketPushEnable':
        return this.#enable(message, id)
      case 'WebSocketPushDisable':
        this.#unwatch?.()
        this.#unwatch = undefined
        this.#types = undefined
        return
      default:
        return this.#fail(requestError('notRequest', 'this @type is not known here').problem, id)
    }
  }

  async #request({ id: _, '@type': __, ...request }: Json, id: string | undefined): Promise<void> {
    if (this.#underWay >= LIMITS.maxConcurrentRequests) {
      const limit = { limit: 'maxConcurrentRequests' }
      return this.#fail(requestError('limit', 'too many at once', limit).problem, id)
    }
    this.#underWay++
    try {
      const result = await handleJson(this.#backend, request)
      if ('problem' in result) this.#fail(result.problem, id)
      else this.#send({ '@type': 'Response', ...(id === undefined ? {} : { requestId: id }), ...result.response })
    } finally {
      this.#underWay--
    }
  }

  #fail(problem: Json, id: string | undefined): void {
    this.#send({ '@type': 'RequestError', requestId: id ?? null, ...problem })
  }

  /** RFC 8887 §4.3.5.2. With a pushState, what was missed since then is told at once. */
  #enable({ dataTypes, pushState }: Json, id: string | undefined): void {
    const isList =
      Array.isArray(dataTypes) && dataTypes.length <= MAX_TYPES && dataTypes.every((type) => typeof type === 'string')
    if (!isList && dataTypes !== null && dataTypes !== undefined) {
      this.#fail(requestError('notRequest', 'dataTypes must be a list of names').problem, id)
      return
    }
    const { store, account } = this.#backend
    this.#types = { only: isList ? (dataTypes as string[]) : undefined }
    this.#unwatch ??= store.watch(account.id, () => {
      // Changes that come together are told together.
      this.#soon ??= this.#clock.after(GATHER_MS, () => {
        this.#soon = undefined
        this.#telling.begin()
      })
    })
    if (typeof pushState === 'string' && pushState !== this.#state()) this.#telling.begin()
  }

  #state(): string {
    return String(this.#backend.store.modseq(this.#backend.account.id))
  }

  #tell(): void {
    if (this.#types === undefined) return
    this.#send({ ...stateChange(this.#backend, this.#types.only), pushState: this.#state() })
  }
}
