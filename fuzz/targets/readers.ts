// What readers say: IMAP, POP3 and JMAP, each to a whole session over a store in the simulated world.

import { decodeMailboxName, encodeMailboxName } from '../../src/protocols/imap/mutf7.ts'
import { parseCommand } from '../../src/protocols/imap/parser.ts'
import { CommandReader } from '../../src/protocols/imap/reader.ts'
import { serveImap } from '../../src/protocols/imap/serve.ts'
import { handleRequest } from '../../src/protocols/jmap/request.ts'
import { type Desk, makeDesk } from '../../src/protocols/jmap/testing.ts'
import { servePop3 } from '../../src/protocols/pop3/serve.ts'
import type { SaslAccounts } from '../../src/protocols/sasl/accounts.ts'
import { MemoryClient } from '../../src/protocols/testing.ts'
import { type TestWorld, testWorld } from '../../src/world/testing.ts'
import { must, pieces, same, type Targets, WORDS } from '../target.ts'

const USER = 'bob@recipient.test'
const accounts: SaslAccounts = {
  mechanisms: ['PLAIN', 'LOGIN'],
  checkPassword: (user) => (user === USER ? { state: 'ok', user } : { state: 'refused' }),
  scramCredentials: () => ({ state: 'unavailable' }),
}

/** Inputs that one desk sees before it is cleared: what one did, the next may find. */
const INPUTS_PER_DESK = 20
/** Copies double what is there: a desk with more is cleared at once. */
const MESSAGES_PER_DESK = 300
let place: { readonly test: TestWorld; readonly desk: Desk; used: number } | undefined

async function atDesk<T>(work: (desk: Desk, test: TestWorld) => Promise<T>): Promise<T> {
  if (place === undefined || place.used >= INPUTS_PER_DESK || isFull(place.desk)) {
    if (place !== undefined) await place.test.run(place.desk.close())
    const test = testWorld()
    const desk = await test.run(makeDesk(test.world))
    await test.run(desk.deliver('From: a@x.test\nTo: b@y.test\nSubject: one\n\nHi\n'))
    await test.run(
      desk.deliver(
        'From: a@x.test\nSubject: two\nContent-Type: multipart/mixed; boundary=x\n\n--x\n\nHi\n--x\nContent-Type: message/rfc822\n\nSubject: in\n\nx\n--x--\n',
      ),
    )
    place = { test, desk, used: 0 }
  }
  place.used++
  const { desk, test } = place
  return test.run(work(desk, test))
}

function isFull({ backend: { store, account } }: Desk): boolean {
  return store.mailboxes(account.id).some(({ total }) => total > MESSAGES_PER_DESK)
}

function converse(serve: typeof serveImap | typeof servePop3, greeting: string, bytes: Buffer): Promise<void> {
  return atDesk(async ({ backend }, { world }) => {
    const client = new MemoryClient()
    const faults: unknown[] = []
    const options = {
      store: backend.store as never,
      accounts,
      allowPlaintext: true,
      report: (error: unknown) => faults.push(error),
    }
    const session = serve(client.stream, options, world)
    client.send(greeting)
    for (const piece of pieces(bytes)) client.send(piece.toString('latin1'))
    client.hangUp()
    await session
    if (faults.length > 0) throw faults[0]
  })
}

function imapCommands(bytes: Buffer): void {
  const read = (chunks: Iterable<Buffer>) => {
    const reader = new CommandReader(() => 10_000)
    const found: unknown[] = []
    for (const chunk of chunks) {
      reader.push(chunk)
      for (let next = reader.next(); next !== undefined; next = reader.next()) {
        found.push(next.kind === 'command' ? next.command.lines.map(String) : next.kind)
        if (next.kind === 'fatal') return found
        if (next.kind === 'command') parseCommand(next.command)
      }
    }
    return found
  }
  // Where a refusal falls may depend on when it was certain; commands may not.
  same('the cut of IMAP changes it', read(pieces(bytes)).filter(Array.isArray), read([bytes]).filter(Array.isArray))
  const name = bytes.toString('utf8')
  if (name.isWellFormed() && !name.includes('\ufffd'))
    same('a mailbox name changes', decodeMailboxName(encodeMailboxName(name)), name)
  const text = bytes.toString('latin1')
  const decoded = decodeMailboxName(text)
  if (decoded !== undefined) same('a mailbox has two spellings', encodeMailboxName(decoded), text)
}

async function jmap(bytes: Buffer): Promise<void> {
  await atDesk(async ({ backend }) => {
    const result = await handleRequest(backend, bytes)
    if ('problem' in result) return
    for (const [name, args] of result.response.methodResponses)
      must(!(name === 'error' && args.type === 'serverFail'), 'a fault of ours', [args, bytes.toString('utf8')])
  })
}

const IMAP_WORDS = [
  ...[
    'b SELECT INBOX\r\n',
    'c FETCH 1:* (FLAGS ENVELOPE BODYSTRUCTURE BODY.PEEK[1.2.HEADER.FIELDS (A)]<0.5>)\r\n',
    'd SEARCH OR NOT SEEN (TEXT "x" LARGER 1)\r\n',
  ],
  ...[
    'e STORE 1 +FLAGS (\\Seen x)\r\n',
    'f APPEND INBOX (\\Seen) {3+}\r\nabc\r\n',
    'g CREATE a/b\r\n',
    'h RENAME a c\r\n',
    'i LIST "" "*%"\r\n',
  ],
  ...[
    'j UID COPY 1:* a\r\n',
    'k STATUS INBOX (MESSAGES)\r\n',
    'l IDLE\r\nDONE\r\n',
    'm UID FETCH 1 BINARY[1]\r\n',
    'n UID MOVE 1 a\r\n',
    'o EXPUNGE\r\n',
  ],
  ...[
    '{3}\r\n',
    '{3+}\r\n',
    '~{3+}\r\n',
    '{99999999999}\r\n',
    '((',
    '))',
    '&AOk-',
    '&',
    '-',
    '*:',
    '1:*',
    '$',
    'RETURN (MIN ALL SAVE)',
    'CHANGEDSINCE 1',
  ],
]
const call = (...calls: [string, object][]) =>
  JSON.stringify({
    using: ['urn:ietf:params:jmap:core', 'urn:ietf:params:jmap:mail', 'urn:ietf:params:jmap:submission'],
    methodCalls: calls.map(([name, args], i) => [name, { accountId: 'a1', ...args }, `${i}`]),
  })

export const readerTargets: Targets = {
  'imap-commands': {
    fuzz: imapCommands,
    seeds: [IMAP_WORDS.slice(0, 15).join(''), 'a&AOk-b', 'a LOGIN {1}\r\nb {2+}\r\ncd\r\n'],
    words: [...IMAP_WORDS, ...WORDS],
  },
  'imap-session': {
    fuzz: (bytes) => converse(serveImap, `a LOGIN ${USER} x\r\nb SELECT INBOX\r\n`, bytes),
    seeds: IMAP_WORDS.slice(0, 15),
    words: [...IMAP_WORDS, ...WORDS],
    suites: ['imap-imaptest'],
  },
  'pop3-session': {
    fuzz: (bytes) => converse(servePop3, `USER ${USER}\r\nPASS x\r\n`, bytes),
    seeds: [
      'STAT\r\nLIST\r\nUIDL 1\r\nRETR 1\r\nTOP 1 2\r\nDELE 1\r\nRSET\r\nNOOP\r\nCAPA\r\nQUIT\r\n',
      'AUTH PLAIN\r\nAGEAYg==\r\n',
    ],
    words: [
      'RETR ',
      'TOP 1 ',
      'UIDL\r\n',
      'LIST ',
      'DELE 1\r\n',
      'RSET\r\n',
      'QUIT\r\n',
      'LAST\r\n',
      'STLS\r\n',
      'UTF8\r\n',
      ...WORDS,
    ],
    suites: ['attack-smtp/fake-server-pop3'],
  },
  jmap: {
    fuzz: jmap,
    seeds: [
      call([
        'Email/query',
        {
          filter: { operator: 'AND', conditions: [{ text: 'x' }, { header: ['a'] }] },
          sort: [{ property: 'subject' }],
        },
      ]),
      call(
        [
          'Email/get',
          { ids: ['e1', 'e2'], properties: ['bodyStructure', 'header:From:asAddresses:all'], fetchAllBodyValues: true },
        ],
        ['Mailbox/get', {}],
      ),
      call([
        'Email/set',
        {
          create: {
            k: {
              mailboxIds: { m1: true },
              subject: 'x',
              'header:X:asText': 'a',
              textBody: [{ partId: '1', type: 'text/plain' }],
              bodyValues: { 1: { value: 'x' } },
            },
          },
        },
      ]),
      call(
        ['Mailbox/set', { create: { k: { name: 'x' } }, update: { m1: { name: 'y' } } }],
        ['Email/changes', { sinceState: '0' }],
      ),
    ],
    words: [
      '"ids"',
      'null',
      '{}',
      '[]',
      'true',
      '"#ids":{"resultOf":"0","name":"Email/query","path":"/ids"}',
      '"__proto__":{}',
      '\\u0000',
      '\\ud800',
      '\\r\\nBcc: x',
      '"m1"',
      '"e1"',
      'header:',
      ':asRaw',
      ...WORDS,
    ],
  },
}
