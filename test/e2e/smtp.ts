// A plain SMTP client for the tests: says exactly what it is told, byte for byte, and shows every reply.

import { connect as connectPlain, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { DemoPerson, Door } from './demo.ts'

export interface SmtpReply {
  readonly code: number
  /** All lines, with their codes. */
  readonly text: string
}

const SILENCE_MS = 30_000

/** The connection ended before a reply came. */
export class Vanished extends Error {}

export class Smtp {
  #socket: Socket
  #received = ''
  #gone = false
  #wake: (() => void) | undefined

  private constructor(socket: Socket) {
    this.#socket = this.#listen(socket)
  }

  /** Connects and reads the greeting. */
  static async open(door: Door, tls: 'none' | 'implicit' = 'none'): Promise<{ smtp: Smtp; greeting: SmtpReply }> {
    const socket =
      tls === 'none' ? connectPlain(door.port, door.host) : connectTls({ ...door, rejectUnauthorized: false })
    const smtp = new Smtp(socket)
    return { smtp, greeting: await smtp.reply() }
  }

  /** A session of a person who has signed in, over TLS. */
  static async signedIn({ address, password, submissions }: DemoPerson): Promise<Smtp> {
    const { smtp } = await Smtp.open(submissions, 'implicit')
    await smtp.expect(250, 'EHLO author.test')
    await smtp.expect(235, `AUTH PLAIN ${Buffer.from(`\0${address}\0${password}`).toString('base64')}`)
    return smtp
  }

  #listen(socket: Socket): Socket {
    const awake = () => this.#wake?.()
    const gone = () => {
      this.#gone = true
      awake()
    }
    socket.on('data', (bytes) => {
      this.#received += bytes.toString('latin1')
      awake()
    })
    return socket.on('error', gone).on('close', gone).setNoDelay(true)
  }

  /** The next reply. @throws Vanished */
  async reply(): Promise<SmtpReply> {
    const endMs = performance.now() + SILENCE_MS
    for (;;) {
      const whole = /^(?:\d{3}-[^\r\n]*\r\n)*(\d{3})(?: [^\r\n]*)?\r\n/.exec(this.#received)
      if (whole !== null) {
        this.#received = this.#received.slice(whole[0].length)
        return { code: Number(whole[1]), text: whole[0].trimEnd() }
      }
      if (this.#gone) throw new Vanished(`the server closed the connection; left over: ${this.#received}`)
      if (performance.now() > endMs) throw new Error(`no reply within ${SILENCE_MS} ms; so far: ${this.#received}`)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 1000)
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  }

  write(bytes: string | Uint8Array): void {
    if (!this.#gone) this.#socket.write(bytes)
  }

  async say(line: string): Promise<SmtpReply> {
    this.write(`${line}\r\n`)
    return this.reply()
  }

  /** Says a line; anything but this code is an error. */
  async expect(code: number, line: string): Promise<SmtpReply> {
    const reply = await this.say(line)
    if (reply.code !== code) throw new Error(`${line.slice(0, 60)} was answered ${reply.text}, not ${code}`)
    return reply
  }

  /** STARTTLS, and EHLO again. `smuggled` is sent in the clear behind the command. The reply to EHLO. */
  async startTls(smuggled = ''): Promise<SmtpReply> {
    await this.expect(220, `STARTTLS\r\n${smuggled}`.replace(/\r\n$/, ''))
    const plain = this.#socket
    plain.removeAllListeners('data').removeAllListeners('close')
    this.#socket = this.#listen(connectTls({ socket: plain, rejectUnauthorized: false }))
    return this.expect(250, 'EHLO author.test')
  }

  /** One message by DATA (dots stuffed) or, in three pieces, by BDAT; the last reply, of whichever step that was. */
  async send(
    from: string,
    recipients: readonly string[],
    message: Buffer,
    by: 'DATA' | 'BDAT' = 'DATA',
  ): Promise<SmtpReply> {
    const mail = await this.say(`MAIL FROM:<${from}> BODY=8BITMIME SIZE=${message.length}`)
    if (mail.code !== 250) return mail
    for (const recipient of recipients) {
      const answer = await this.say(`RCPT TO:<${recipient}>`)
      if (answer.code >= 300) {
        await this.say('RSET')
        return answer
      }
    }
    return by === 'DATA' ? this.#data(message) : this.#chunks(message)
  }

  async #data(message: Buffer): Promise<SmtpReply> {
    const go = await this.say('DATA')
    if (go.code !== 354) return go
    this.write(Buffer.from(`${stuffed(message.toString('latin1'))}.\r\n`, 'latin1'))
    return this.reply()
  }

  async #chunks(message: Buffer): Promise<SmtpReply> {
    const third = Math.floor(message.length / 3)
    const parts = [message.subarray(0, third), message.subarray(third, 2 * third), message.subarray(2 * third)]
    for (const [i, part] of parts.entries())
      this.write(Buffer.concat([Buffer.from(`BDAT ${part.length}${i === 2 ? ' LAST' : ''}\r\n`), part]))
    let last = await this.reply()
    for (let i = 1; i < parts.length; i++) {
      const next = await this.reply()
      // The first refusal is the reason; what follows is only out of order.
      if (last.code < 400) last = next
    }
    return last
  }

  async quit(): Promise<void> {
    await this.say('QUIT').catch(() => undefined)
    this.vanish()
  }

  /** As when the line breaks. */
  vanish(): void {
    this.#gone = true
    this.#socket.destroy()
  }
}

/** RFC 5321 §4.5.2, for text that ends in CRLF. */
function stuffed(text: string): string {
  return (text.startsWith('.') ? `.${text}` : text).replaceAll('\r\n.', '\r\n..')
}
