// A small IMAP client (RFC 3501, RFC 9051) that reads mailboxes and changes nothing. One command at a time is asked; what
// it answers is given on as it comes, so that a mailbox of any size takes little memory.

import { type Endpoint, type Network, NetworkError, type Stream, type TlsClientSide } from '../world/network.ts'

const CONNECT_MS = 30_000
const READ_MS = 180_000
const MAX_LINE_BYTES = 64 * 1024 * 1024

/** What a server says, taken apart: atoms and strings, literals, lists. `null`: NIL. */
export type Token = string | Buffer | null | readonly Token[]

export interface Reply {
  readonly isOk: boolean
  /** OK, NO, BAD, with what follows. */
  readonly text: string
}

/** The server says no, or what cannot be understood: trying again helps nothing. The message is for people. */
export class ImapRefusal extends Error {}

export interface ImapHost {
  readonly network: Network
  readonly endpoint: Endpoint
  readonly tls: TlsClientSide
  /** TLS from the first byte; else STARTTLS, and nothing without it. */
  readonly isImplicit: boolean
}

/** Stands for a literal that is larger than what is kept of one. */
export const TOO_LARGE = Buffer.from('too large')

export class ImapClient {
  readonly #stream: Stream
  readonly #maxLiteralBytes: number
  #rest: Buffer = Buffer.alloc(0)
  #count = 0
  capabilities: ReadonlySet<string> = new Set()

  private constructor(stream: Stream, maxLiteralBytes: number) {
    this.#stream = stream
    this.#maxLiteralBytes = maxLiteralBytes
  }

  /** Connects, secured by TLS. @throws NetworkError @throws ImapRefusal */
  static async connect(host: ImapHost, maxLiteralBytes: number): Promise<ImapClient> {
    const { network, endpoint, tls, isImplicit } = host
    const stream = await network.connect(endpoint, { timeoutMs: CONNECT_MS, ...(isImplicit && { tls }) })
    const client = new ImapClient(stream, maxLiteralBytes)
    try {
      const [greeting] = await client.#response()
      if (!/^\* (OK|PREAUTH)/i.test(String(greeting))) throw new ImapRefusal(`The server does not want us: ${greeting}`)
      if (!isImplicit) {
        const reply = await client.run('STARTTLS')
        if (!reply.isOk) throw new ImapRefusal(`The server offers no TLS (${reply.text}); nothing is sent without it.`)
        // RFC 9051 §6.2.1: nothing said before counts.
        client.#rest = Buffer.alloc(0)
        await stream.startTls(tls)
      }
      await client.#learn()
      return client
    } catch (error) {
      client.close()
      throw error
    }
  }

  async #learn(): Promise<void> {
    await this.run('CAPABILITY', (tokens) => {
      if (isWord(tokens[0], 'CAPABILITY')) this.capabilities = new Set(tokens.map((one) => String(one).toUpperCase()))
    })
  }

  /** @throws ImapRefusal when the password is wrong, or the server knows no way to tell it */
  async signIn(user: string, password: string): Promise<void> {
    const secret = Buffer.from(`\0${user}\0${password}`).toString('base64')
    const reply = this.capabilities.has('AUTH=PLAIN')
      ? this.capabilities.has('SASL-IR')
        ? await this.run(`AUTHENTICATE PLAIN ${secret}`)
        : await this.run('AUTHENTICATE PLAIN', undefined, secret)
      : await this.run(`LOGIN ${quoted(user)} ${quoted(password)}`)
    if (!reply.isOk) throw new ImapRefusal(`${user} cannot sign in: ${reply.text}`)
    await this.#learn()
  }

  /** Asks, and gives each untagged answer to `hear`. `more`: what the server asks to go on with. */
  async run(command: string, hear?: (tokens: readonly Token[]) => void, more?: string): Promise<Reply> {
    for await (const answer of this.ask(command, more)) {
      if ('isOk' in answer) return answer
      hear?.(answer)
    }
    throw new NetworkError('reset', 'The server closed the connection.')
  }

  /** Asks, and gives what is answered as it comes; the Reply is last. */
  async *ask(command: string, more?: string): AsyncGenerator<readonly Token[] | Reply> {
    const tag = `b${++this.#count}`
    await this.#stream.write(Buffer.from(`${tag} ${command}\r\n`))
    for (;;) {
      const parts = await this.#response()
      const first = parts[0] as string
      if (first.startsWith(`${tag} `)) {
        const text = first.slice(tag.length + 1)
        yield { isOk: /^OK\b/i.test(text), text }
        return
      }
      if (first.startsWith('+')) {
        if (more === undefined) throw new ImapRefusal('The server asks for more than there is to say.')
        await this.#stream.write(Buffer.from(`${more}\r\n`))
        more = undefined
      } else if (first.startsWith('* ')) {
        const tokens = tokensOf([first.slice(2), ...parts.slice(1)])
        if (isWord(tokens[0], 'BYE') && !/^LOGOUT/i.test(command))
          throw new NetworkError('reset', `The server closed the connection: ${first.slice(2)}`)
        yield tokens
      }
    }
  }

  close(): void {
    this.#stream.destroy()
  }

  /** One response: text, and literals between. */
  async #response(): Promise<(string | Buffer)[]> {
    const parts: (string | Buffer)[] = []
    for (;;) {
      const line = await this.#line()
      parts.push(line)
      const length = /\{(\d{1,15})\}$/.exec(line)?.[1]
      if (length === undefined) return parts
      parts.push(await this.#literal(Number(length)))
    }
  }

  async #line(): Promise<string> {
    const pieces: Buffer[] = []
    for (let length = 0; ; ) {
      const end = this.#rest.indexOf(10)
      if (end >= 0) {
        pieces.push(this.#rest.subarray(0, end))
        this.#rest = this.#rest.subarray(end + 1)
        return Buffer.concat(pieces).toString('latin1').replace(/\r$/, '')
      }
      pieces.push(this.#rest)
      length += this.#rest.length
      if (length > MAX_LINE_BYTES) throw new ImapRefusal('The server sends a line without an end.')
      this.#rest = await this.#read()
    }
  }

  async #literal(length: number): Promise<Buffer> {
    const pieces: Buffer[] = []
    const isKept = length <= this.#maxLiteralBytes
    for (let left = length; left > 0; ) {
      if (this.#rest.length === 0) this.#rest = await this.#read()
      const piece = this.#rest.subarray(0, left)
      if (isKept) pieces.push(piece)
      this.#rest = this.#rest.subarray(piece.length)
      left -= piece.length
    }
    return isKept ? Buffer.concat(pieces) : TOO_LARGE
  }

  async #read(): Promise<Buffer> {
    const bytes = await this.#stream.read(READ_MS)
    if (bytes === null) throw new NetworkError('reset', 'The server closed the connection.')
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }
}

export const isWord = (token: Token | undefined, word: string): boolean =>
  typeof token === 'string' && token.toUpperCase() === word

/** RFC 9051 §9 quoted. @throws ImapRefusal when it cannot be */
export function quoted(text: string): string {
  if (/[\0\r\n]/.test(text) || !/^[\x20-\x7e]*$/.test(text))
    throw new ImapRefusal('A name or password has characters that this server cannot be told.')
  return `"${text.replace(/["\\]/g, '\\$&')}"`
}

const MAX_DEPTH = 50

/** Takes a response apart; what is no token is left out. */
export function tokensOf(parts: readonly (string | Buffer)[]): Token[] {
  const stack: Token[][] = [[]]
  const add = (token: Token) => stack.at(-1)!.push(token)
  for (const part of parts) {
    if (typeof part !== 'string') {
      add(part)
      continue
    }
    // An atom may hold a section: BODY[HEADER.FIELDS (X)].
    for (const [, open, close, string, atom] of part.matchAll(
      /(\()|(\))|"((?:[^"\\]|\\.?)*)(?:"|$)|((?:[^\s()"[{]|\[[^\]]*\]?)+)|\{\d+\}$/g,
    )) {
      if (open !== undefined && stack.length < MAX_DEPTH) stack.push([])
      else if (close !== undefined && stack.length > 1) add(stack.pop()!)
      else if (string !== undefined) add(string.replace(/\\(.)/g, '$1'))
      else if (atom !== undefined) add(atom.toUpperCase() === 'NIL' ? null : atom)
    }
  }
  while (stack.length > 1) add(stack.pop()!)
  return stack[0]!
}
