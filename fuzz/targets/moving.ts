// Mail that moves in: files of other programs, archives, and servers that say anything.

import { strToU8, zipSync } from 'fflate'
import { ImapClient, ImapRefusal, tokensOf } from '../../src/moving/imap-client.ts'
import { lineEnds, toCrlf, toLf } from '../../src/moving/line-ends.ts'
import { parseFileName, parseKeywords, parseSubscriptions, parseUidList } from '../../src/moving/maildir.ts'
import { mboxEntry, readMbox } from '../../src/moving/mbox.ts'
import { statusFlags, withoutStatus } from '../../src/moving/mbox-status.ts'
import { ZipError, zipPlace } from '../../src/moving/zip.ts'
import { NetworkError, type Stream } from '../../src/world/network.ts'
import { must, pieces, same, type Targets, WORDS } from '../target.ts'

async function* async(chunks: Iterable<Buffer>): AsyncGenerator<Buffer> {
  yield* chunks
}

async function mbox(bytes: Buffer): Promise<void> {
  const read = async (chunks: Iterable<Buffer>, believes = true) => {
    const found: string[] = []
    for await (const { content } of readMbox(async(chunks), believes)) found.push(content!.toString('latin1'))
    return found
  }
  same('the cut of a file changes it', await read(pieces(bytes)), await read([bytes]))
  const lines = bytes.at(-1) === 10 ? bytes : Buffer.concat([bytes, Buffer.from('\n')])
  const file = Buffer.concat([mboxEntry(lines, 'a@b.test', 0), mboxEntry(lines, 'a@b.test', 0)])
  same(
    'a message does not come back',
    await read([file], false),
    [lines, lines].map((one) => one.toString('latin1')),
  )
  must(statusFlags(withoutStatus(bytes)).length === 0, 'fields of flags are left')
  const there = toLf(bytes)
  must(there === undefined || toCrlf(there).equals(bytes), 'line ends do not come back', lineEnds(bytes))
}

async function zip(bytes: Buffer): Promise<void> {
  const read = async (offset: number, length: number) => bytes.subarray(offset, offset + length)
  try {
    const place = await zipPlace({ sizeBytes: bytes.length, read })
    const look = async (folder: string): Promise<void> => {
      for (const { name, isFolder } of await place.list(folder)) {
        const path = folder === '' ? name : `${folder}/${name}`
        must(!path.split('/').includes('..'), 'a path that leads elsewhere', path)
        if (isFolder) await look(path)
        else for await (const piece of place.stream(path)) must(piece.length > 0, 'an empty piece')
      }
    }
    await look('')
  } catch (error) {
    if (!(error instanceof ZipError)) throw error
  }
}

function maildir(bytes: Buffer): void {
  const text = bytes.toString('latin1')
  const list = parseUidList(text)
  for (const number of [list?.uidValidity, list?.uidNext])
    must(number === undefined || number >= 1, 'no number', number)
  const keywords = parseKeywords(text)
  must(keywords.length <= 26, 'more keywords than letters')
  parseFileName(text, keywords)
  parseSubscriptions(text)
}

async function imap(bytes: Buffer): Promise<void> {
  tokensOf([bytes.toString('latin1')])
  const chunks = pieces(bytes)
  const end = { address: '192.0.2.1', port: 993 }
  const stream: Stream = {
    local: end,
    remote: end,
    tls: undefined,
    read: async () => chunks.next().value ?? null,
    write: async () => {},
    end: () => {},
    destroy: () => {},
    startTls: () => Promise.reject(new NetworkError('tls', 'none')),
  }
  const network = {
    connect: async () => stream,
    listen: () => Promise.reject(end),
    udp: () => Promise.reject(end),
    listenLocal: () => Promise.reject(end),
  }
  const tls = { role: 'client', serverName: 'a.test', mustAuthenticate: true } as const
  try {
    const client = await ImapClient.connect({ network, endpoint: end, tls, isImplicit: true }, 1000)
    await client.signIn('a', 'b')
    for await (const _ of client.ask('UID FETCH 1:* BODY.PEEK[]'));
  } catch (error) {
    if (!(error instanceof NetworkError || error instanceof ImapRefusal)) throw error
  }
}

const ARCHIVE = Buffer.from(
  zipSync(
    { 'cur/1.x:2,S': strToU8('A: b\n\nx\n'), mbox: [strToU8('From x'), { level: 0 }] },
    { mtime: new Date('2026-01-01') },
  ),
).toString('latin1')
const FROM = 'From a@b.test Mon Nov 23 10:00:00 2026\n'

export const movingTargets: Targets = {
  mbox: {
    fuzz: mbox,
    seeds: [
      `${FROM}Status: RO\nContent-Length: 6\n\nHello\n\n${FROM}X-Keywords: a\n b\n\n>From here\n\n`,
      'From \nA: b\n\nx\n',
    ],
    words: [...WORDS, FROM, `\n\n${FROM}`, '>From ', 'Content-Length: ', 'Status: ', 'X-Mozilla-Status: 0009\n'],
  },
  'zip-place': {
    fuzz: zip,
    seeds: [ARCHIVE, 'PK\x05\x06'.padEnd(22, '\0')],
    words: [
      ...WORDS,
      'PK\x01\x02',
      'PK\x03\x04',
      'PK\x05\x06',
      'PK\x06\x06',
      'PK\x06\x07',
      '\xff\xff\xff\xff',
      '\x08\0',
    ],
  },
  maildir: {
    fuzz: maildir,
    seeds: [
      '3 V1600000001 N20 G01\n5 P47 W9 :1.x\n',
      '1 16 20\n3 a:2,S\n',
      '0 a\n25 b\n',
      'V\t2\n\na\tb\n',
      '1.x,S=4:2,FSa',
    ],
    words: [...WORDS, ' P', ' :', ':2,', ' V', '&APw-', '.'],
  },
  'imap-client': {
    fuzz: imap,
    seeds: [
      '* OK hi\r\n* CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR\r\nb1 OK\r\nb2 OK\r\n* CAPABILITY X\r\nb3 OK\r\n* 1 FETCH (UID 5 FLAGS (\\Seen) BODY[] {3}\r\nabc)\r\nb4 OK\r\n',
    ],
    words: [
      ...WORDS,
      '* ',
      'b1 OK\r\n',
      'b2 OK\r\n',
      'b3 OK\r\n',
      '{3}\r\n',
      '{99999999}\r\n',
      'NIL',
      'BYE',
      '+ ',
      'BODY[',
    ],
  },
}
