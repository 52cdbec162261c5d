// What lies in a person's mailboxes, read as clients read it: by IMAP (imapflow), POP3 (a few lines) and JMAP (fetch).

import { once } from 'node:events'
import { connect } from 'node:tls'
import { ImapFlow } from 'imapflow'
import type { DemoPerson } from './demo.ts'

/** Works with a signed-in IMAP connection, and closes it. */
export async function withImap<T>(person: DemoPerson, work: (imap: ImapFlow) => Promise<T>): Promise<T> {
  const imap = new ImapFlow({
    ...person.imaps,
    secure: true,
    tls: { rejectUnauthorized: false },
    auth: { user: person.address, pass: person.password },
    logger: false,
  })
  // Without a listener a connection that breaks would end the test process.
  imap.on('error', () => undefined)
  await imap.connect()
  try {
    return await work(imap)
  } finally {
    await imap.logout().catch(() => imap.close())
  }
}

/** Every message of a mailbox, by IMAP: BODY.PEEK[]. */
export function byImap(person: DemoPerson, mailbox = 'INBOX'): Promise<Buffer[]> {
  return withImap(person, async (imap) => {
    await imap.mailboxOpen(mailbox, { readOnly: true })
    const found: Buffer[] = []
    for await (const { source } of imap.fetch('1:*', { source: true })) found.push(source!)
    return found
  })
}

/** How many messages a mailbox holds. */
export function countOf(person: DemoPerson, mailbox = 'INBOX'): Promise<number> {
  return withImap(person, async (imap) => {
    const status = await imap.status(mailbox, { messages: true })
    return status ? status.messages! : 0
  })
}

/** Every message, by POP3 over TLS: RETR for each. */
export async function byPop3({ address, password, pop3s }: DemoPerson): Promise<Buffer[]> {
  const socket = connect({ ...pop3s, rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  const bytes = socket[Symbol.asyncIterator]()
  let left = Buffer.alloc(0)
  /** Up to and with `end`. */
  const take = async (end: string): Promise<Buffer> => {
    let searched = 0
    for (;;) {
      const at = left.indexOf(end, searched)
      if (at >= 0) {
        const taken = left.subarray(0, at + end.length)
        left = left.subarray(at + end.length)
        return taken
      }
      searched = Math.max(0, left.length - end.length)
      const next = await bytes.next()
      if (next.done) throw new Error(`POP3 ended; left over: ${left.toString('latin1', 0, 200)}`)
      left = Buffer.concat([left, next.value])
    }
  }
  const line = async (command?: string): Promise<string> => {
    if (command !== undefined) socket.write(`${command}\r\n`)
    const answer = (await take('\r\n')).toString('latin1')
    if (!answer.startsWith('+OK')) throw new Error(`${command} was answered ${answer}`)
    return answer
  }
  try {
    await line()
    await line(`USER ${address}`)
    await line(`PASS ${password}`)
    const count = Number((await line('STAT')).split(' ')[1])
    const found: Buffer[] = []
    for (let n = 1; n <= count; n++) {
      await line(`RETR ${n}`)
      // An empty message is the end mark alone.
      const text = left.subarray(0, 3).equals(Buffer.from('.\r\n')) ? await take('.\r\n') : await take('\r\n.\r\n')
      found.push(
        Buffer.from(text.toString('latin1').slice(0, -3).replace(/^\./, '').replaceAll('\r\n.', '\r\n'), 'latin1'),
      )
    }
    await line('QUIT')
    return found
  } finally {
    socket.destroy()
  }
}

interface JmapSession {
  readonly apiUrl: string
  readonly downloadUrl: string
  readonly eventSourceUrl: string
  readonly primaryAccounts: Readonly<Record<string, string>>
}

/** A person's JMAP account: calls of one method each, and blobs. */
export class Jmap {
  readonly #authorization: string
  readonly #session: JmapSession
  readonly #base: string
  readonly accountId: string

  private constructor(authorization: string, base: string, session: JmapSession) {
    this.#authorization = authorization
    this.#session = session
    this.#base = base
    this.accountId = session.primaryAccounts['urn:ietf:params:jmap:mail']!
  }

  static async open({ address, password, jmap }: DemoPerson): Promise<Jmap> {
    const authorization = `Basic ${Buffer.from(`${address}:${password}`).toString('base64')}`
    const answer = await fetch(jmap, { headers: { authorization } })
    if (!answer.ok) throw new Error(`${jmap} answered ${answer.status}`)
    return new Jmap(authorization, answer.url, (await answer.json()) as JmapSession)
  }

  async call<T>(method: string, parameters: object): Promise<T> {
    const answer = await fetch(new URL(this.#session.apiUrl, this.#base), {
      method: 'POST',
      headers: { authorization: this.#authorization, 'content-type': 'application/json' },
      body: JSON.stringify({
        using: ['urn:ietf:params:jmap:core', 'urn:ietf:params:jmap:mail', 'urn:ietf:params:jmap:submission'],
        methodCalls: [[method, { accountId: this.accountId, ...parameters }, '0']],
      }),
    })
    const { methodResponses } = (await answer.json()) as { methodResponses: [string, T, string][] }
    const [name, value] = methodResponses[0]!
    if (name !== method) throw new Error(`${method} was answered ${name} ${JSON.stringify(value)}`)
    return value
  }

  /** Listens to the event source until `stop`; what it tells of this account, newest last. */
  async listen(): Promise<{ readonly told: Readonly<Record<string, string>>[]; stop(): void }> {
    const path = this.#session.eventSourceUrl
      .replace('{types}', '*')
      .replace('{closeafter}', 'no')
      .replace('{ping}', '30')
    const ending = new AbortController()
    const answer = await fetch(new URL(path, this.#base), {
      headers: { authorization: this.#authorization, accept: 'text/event-stream' },
      signal: ending.signal,
    })
    if (!answer.ok) throw new Error(`${path} answered ${answer.status}`)
    const told: Record<string, string>[] = []
    const read = async () => {
      let text = ''
      for await (const bytes of answer.body!) {
        text += Buffer.from(bytes).toString()
        for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
          const event = text.slice(0, end)
          text = text.slice(end + 2)
          const data = /^data: ?(.*)$/m.exec(event)?.[1]
          if (!/^event: ?state$/m.test(event) || data === undefined) continue
          told.push((JSON.parse(data) as { changed: Record<string, Record<string, string>> }).changed[this.accountId]!)
        }
      }
    }
    // It ends by `stop`, or when the server goes: then nothing more is told.
    read().catch(() => undefined)
    return { told, stop: () => ending.abort() }
  }

  async download(blobId: string): Promise<Buffer> {
    const path = this.#session.downloadUrl
      .replace('{accountId}', this.accountId)
      .replace('{blobId}', blobId)
      .replace('{type}', 'message%2Frfc822')
      .replace('{name}', 'message.eml')
    const answer = await fetch(new URL(path, this.#base), { headers: { authorization: this.#authorization } })
    if (!answer.ok) throw new Error(`${path} answered ${answer.status}`)
    return Buffer.from(await answer.arrayBuffer())
  }
}

/** Every message of the account, by JMAP: Email/query, Email/get, and each blob. */
export async function byJmap(person: DemoPerson): Promise<Buffer[]> {
  const jmap = await Jmap.open(person)
  const found: Buffer[] = []
  for (let position = 0; ; ) {
    const { ids } = await jmap.call<{ ids: string[] }>('Email/query', { position, limit: 200 })
    if (ids.length === 0) return found
    position += ids.length
    const { list } = await jmap.call<{ list: { blobId: string }[] }>('Email/get', { ids, properties: ['blobId'] })
    const blobs = list.map(({ blobId }) => blobId)
    while (blobs.length > 0)
      found.push(...(await Promise.all(blobs.splice(0, 8).map((blobId) => jmap.download(blobId)))))
  }
}
