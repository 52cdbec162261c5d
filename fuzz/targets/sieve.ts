// Sieve: any text as a script, any bytes as the message that a script runs on, and what a ManageSieve client may say.

import { type Desk, makeDesk } from '../../src/protocols/jmap/testing.ts'
import { LineReader } from '../../src/protocols/managesieve/reader.ts'
import { serveManageSieve } from '../../src/protocols/managesieve/serve.ts'
import type { SaslAccounts } from '../../src/protocols/sasl/accounts.ts'
import { checkScript } from '../../src/protocols/sieve/check.ts'
import { scriptText } from '../../src/protocols/sieve/lexer.ts'
import { parseMailto } from '../../src/protocols/sieve/mailto.ts'
import { type RunContext, runScript } from '../../src/protocols/sieve/run.ts'
import { MemoryClient } from '../../src/protocols/testing.ts'
import { type TestWorld, testWorld } from '../../src/world/testing.ts'
import { must, pieces, same, type Targets, WORDS } from '../target.ts'

const CONTEXT: RunContext = {
  envelopeFrom: 'a@sender.test',
  envelopeTo: 'bob+x@recipient.test',
  nowMs: 1_764_000_000_000,
  offsetMinutes: 60,
  environment: { location: 'MDA' },
  delimiter: '+',
  mailboxExists: (name) => name === 'INBOX',
  mailboxIdExists: () => false,
  specialUseExists: () => false,
  metadata: () => undefined,
  list: () => undefined,
  isDuplicate: () => false,
  spam: 0.5,
  virus: undefined,
}

const MESSAGE = Buffer.from(
  'From: Anna <a@sender.test>\r\nTo: bob@recipient.test\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nDate: Tue, 24 Nov 2026 10:11:12 +0100\r\n' +
    'Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nHello\r\n--x\r\nContent-Type: text/html\r\n\r\n<p>Hi</p>\r\n--x--\r\n',
)

const MOST_ACTIONS = 32

/** A script has findings with places in it, or it runs to its end. */
function script(bytes: Buffer): void {
  const { program, findings } = checkScript(bytes, { script: (_where, name) => (name === 'self' ? bytes : undefined) })
  const lines = scriptText(bytes).split('\n').length
  for (const { line, column, message } of findings)
    must(line >= 1 && line <= lines + 1 && column >= 1 && message !== '', 'a finding lies outside', {
      line,
      column,
      message,
    })
  must(program !== undefined || findings.length > 0, 'refused without a reason')
  if (program === undefined) return
  const { actions, failure } = runScript(program, MESSAGE, CONTEXT, { work: 2_000_000 })
  must(actions.length <= MOST_ACTIONS + 1, 'too many actions', actions.length)
  if (failure !== undefined)
    must(actions.length === 1 && actions[0]!.kind === 'keep', 'a script that failed acts', actions)
  same(
    'a script runs otherwise the second time',
    runScript(program, MESSAGE, CONTEXT, { work: 2_000_000 }).actions.length,
    actions.length,
  )
}

/** A script that looks at everything and changes much. */
const ALL = checkScript(
  Buffer.from(`
    require ["fileinto","copy","envelope","body","variables","relational","comparator-i;ascii-numeric","subaddress","regex",
      "imap4flags","date","index","editheader","mime","foreverypart","extracttext","replace","enclose","duplicate","vacation"];
    if header :matches ["subject","from","x-a"] "*a*?" { set "m" "\${1}\${2}"; addheader "X-M" "\${m}"; }
    if header :regex "subject" "(a|b)*c" { addflag "\${1}"; }
    if address :detail :count "ge" ["from","to","cc"] "1" { addheader :last "X-D" "yes"; }
    if date :index 1 :last "received" "iso8601" "x" { stop; }
    if date :originalzone "date" "zone" "+0100" { addheader "X-Z" "z"; }
    if body :text :contains "hello" { addflag "hello"; }
    if body :raw :matches "*h?llo*" { addflag "raw"; }
    if body :content ["text","multipart","message/rfc822"] :contains "x" { addflag "content"; }
    if header :mime :anychild :param ["name","charset"] "content-type" "utf-8" { addflag "utf8"; }
    foreverypart { if header :mime :subtype "content-type" "html" { extracttext :first 100 "t"; replace "gone"; break; } }
    if duplicate :header "x-id" { fileinto :copy "Again"; }
    deleteheader :index 1 "Received"; deleteheader "X-A" ["a","b"];
    fileinto :copy "A"; enclose :subject "\${m}" "see"; vacation "away";`),
).program!

function message(bytes: Buffer): void {
  const { actions, failure } = runScript(ALL, bytes, CONTEXT)
  must(
    failure === undefined || /too much time|is longer than/.test(failure.message),
    'a message makes a script fail',
    failure,
  )
  for (const action of actions)
    if (action.kind === 'fileinto' && action.mailbox === 'A')
      for (const { raw } of action.message.fields.slice(0, 3))
        must(!/\n[^ \t]/.test(raw.toString('latin1').slice(0, -1)), 'two fields in one', raw.toString())
}

function mailto(bytes: Buffer): void {
  const parsed = parseMailto(bytes.toString('utf8'))
  if ('error' in parsed) must(parsed.error !== '', 'refused without a reason')
  else must(parsed.mailto.to.length + parsed.mailto.cc.length > 0, 'nobody is notified')
}

function lines(bytes: Buffer): void {
  const read = (chunks: Iterable<Buffer>) => {
    const reader = new LineReader(10_000)
    const found: unknown[] = []
    for (const chunk of chunks) {
      reader.push(chunk)
      for (let next = reader.next(); next !== undefined; next = reader.next()) {
        if (next === 'too-long') return found
        found.push(next)
      }
    }
    return found
  }
  same('the cut of ManageSieve changes it', read(pieces(bytes)), read([bytes]))
}

const USER = 'bob@recipient.test'
const accounts: SaslAccounts = {
  mechanisms: ['PLAIN', 'LOGIN'],
  checkPassword: (user) => (user === USER ? { state: 'ok', user } : { state: 'refused' }),
  scramCredentials: () => ({ state: 'unavailable' }),
}

/** Inputs that one desk sees before it is cleared: what one did, the next may find. */
const INPUTS_PER_DESK = 200
let place: { readonly test: TestWorld; readonly desk: Desk; used: number } | undefined

async function session(bytes: Buffer): Promise<void> {
  if (place === undefined || place.used >= INPUTS_PER_DESK) {
    if (place !== undefined) await place.test.run(place.desk.close())
    const test = testWorld()
    place = { test, desk: await test.run(makeDesk(test.world)), used: 0 }
  }
  place.used++
  const { desk, test } = place
  const client = new MemoryClient()
  const faults: unknown[] = []
  const report = (error: unknown) => faults.push(error)
  const store = desk.backend.store as never
  const serving = serveManageSieve(client.stream, { store, accounts, allowPlaintext: true, report }, test.world)
  client.send(`AUTHENTICATE "PLAIN" "${Buffer.from(`\0${USER}\0x`).toString('base64')}"\r\n`)
  for (const piece of pieces(bytes)) client.send(piece.toString('latin1'))
  client.hangUp()
  await test.run(serving)
  if (faults.length > 0) throw faults[0]
}

const SCRIPTS = [
  'require ["fileinto","variables"]; if header :matches "subject" "*" { set "a" "${1}"; fileinto "${a}"; } else { keep; }',
  'require ["ihave","include","foreverypart","mime"]; if ihave "copy" { include :once :optional "self"; } foreverypart :name "a" { break :name "a"; }',
  'require ["regex","body","relational"]; if anyof (body :regex "(a{2,5}|b)*", not header :count "gt" "a" "1") { stop; }',
  'require ["vacation","enotify","editheader"]; vacation :days 1 text:\r\n..a\r\n.\r\n; notify "mailto:a@b.test?subject=x"; addheader "A" "b";',
  'require "encoded-character"; redirect "${hex:61}@${unicode: 62}.test"; /* x */ # y\r\nif size :over 1K { discard; }',
]
const SCRIPT_WORDS = SCRIPTS.join(' ').split(/\s+/)

export const sieveTargets: Targets = {
  'sieve-script': {
    fuzz: script,
    seeds: SCRIPTS,
    words: [...SCRIPT_WORDS, ...WORDS, 'text:\r\n', '\r\n.\r\n', '${', '}', '{2,5}', '[[:alpha:]]', '\\b', '(?i)'],
    suites: ['sieve-pigeonhole'],
  },
  'sieve-message': { fuzz: message, seeds: [MESSAGE.toString()], words: WORDS, suites: ['mime-fixtures'] },
  'sieve-mailto': {
    fuzz: mailto,
    seeds: ['mailto:a@b.test,c@d.test?cc=e@f.test&subject=x%20y&body=z&x-a=b'],
    words: ['mailto:', '%0d%0a', '%2c', '&to=', '?', ...WORDS],
  },
  'managesieve-lines': {
    fuzz: lines,
    seeds: ['PUTSCRIPT "a" {5+}\r\nkeep;\r\nLISTSCRIPTS\r\nHAVESPACE "a" 5\r\n'],
    words: ['{3+}\r\n', '{3}\r\n', '"\\"', 'CHECKSCRIPT ', ...WORDS],
  },
  'managesieve-session': {
    fuzz: session,
    seeds: [
      'PUTSCRIPT "a" {5+}\r\nkeep;\r\nSETACTIVE "a"\r\nGETSCRIPT "a"\r\nRENAMESCRIPT "a" "b"\r\nLISTSCRIPTS\r\nDELETESCRIPT "b"\r\nNOOP "x"\r\nUNAUTHENTICATE\r\nLOGOUT\r\n',
    ],
    words: [
      'SETACTIVE ""\r\n',
      'CHECKSCRIPT "keep;"\r\n',
      'STARTTLS\r\n',
      'AUTHENTICATE "PLAIN"\r\n',
      'CAPABILITY\r\n',
      ...WORDS,
    ],
  },
}
