import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Header, parseHeader } from '../../message/header.ts'
import { keyRecord, makeEd25519Key } from '../dkim/keys.ts'
import { directCpu, fixedClock, fixedDns } from '../testing.ts'
import { type Content, contentOf } from './content.ts'
import { readFields } from './fields.ts'
import { applyRecipe, makeRecipe, parseRecipe } from './recipes.ts'
import { type Dkim2Signing, signDkim2 } from './sign.ts'
import { type Dkim2Envelope, verifyDkim2 } from './verify.ts'

const NOW_S = 1_790_000_000
const key = makeEd25519Key({ bytes: (length) => Buffer.alloc(length, 3), float: () => 0, integer: () => 0 })
const other = makeEd25519Key({ bytes: (length) => Buffer.alloc(length, 4), float: () => 0, integer: () => 0 })
const zone = Object.fromEntries(
  ['sender.example', 'list.example', 'old.example', 'next.example'].map((domain) => {
    const { name, text } = keyRecord(key, domain, 's1')
    return [name, { TXT: [text] }]
  }),
)
const text = (lines: string) => lines.replace(/\n/g, '\r\n')
const MESSAGE = text(
  'Received: from here\nFrom: anna@sender.example\nTo: list@list.example\nSubject: hello\n  world\nX-Note: local\n\nOne\nTwo\nThree\n\n\n',
)
const read = (message: string) => parseHeader(Buffer.from(message, 'latin1'))

function signing(
  domain: string,
  from: string,
  to: string | readonly string[],
  more: Partial<Dkim2Signing> = {},
): Dkim2Signing {
  return {
    domain,
    keys: [{ selector: 's1', privateKey: key }],
    route: { reversePath: from, recipients: [to].flat() },
    ...more,
  }
}

async function sign(message: string, how: Dkim2Signing): Promise<string> {
  const signed = await signDkim2(read(message), how, { cpu: directCpu, clock: fixedClock(NOW_S) })
  assert.ok('fields' in signed, 'fault' in signed ? signed.fault : '')
  return signed.fields.toString('latin1') + message
}

function verify(message: string, envelope?: Dkim2Envelope, records = zone, nowS = NOW_S) {
  return verifyDkim2(read(message), envelope, fixedDns(records), fixedClock(nowS))
}

const first = () => sign(MESSAGE, signing('sender.example', 'anna@sender.example', 'list@list.example'))

/** What a mailing list makes of it. */
async function listed(flags: readonly string[] = []): Promise<string> {
  const arrived = await sign(MESSAGE, signing('sender.example', 'anna@sender.example', 'list@list.example', { flags }))
  const changed = arrived
    .replace('Subject: hello\r\n  world', 'Subject: [list] hello world\r\nList-Id: <list.example>')
    .replace('Three\r\n', 'Three\r\n-- \r\nThe list\r\n')
  return sign(
    changed,
    signing('list.example', 'bounces@mail.list.example', 'bob@old.example', { former: read(arrived) }),
  )
}

test('an Originator signs; lines stay short; the envelope must be the one that was signed', async () => {
  const message = await first()
  for (const line of message.split('\r\n')) assert.ok(line.length <= 78, line)
  const sent = { reversePath: 'anna@Sender.Example', recipients: ['list@list.example'] }
  const { result, reason, hops } = await verify(message, sent)
  assert.deepEqual([result, reason], ['pass', undefined])
  assert.deepEqual(hops, [{ i: 1, domain: 'sender.example', modified: false, flags: [] }])
  const replayed = await verify(message, { ...sent, recipients: ['victim@other.example'] })
  assert.deepEqual(
    [replayed.result, replayed.reason],
    ['permerror', 'DKIM2-Signature i=1 RCPT TO <victim@other.example> did not match'],
  )
  const bounced = await verify(message, { ...sent, reversePath: 'Anna@sender.example' })
  assert.equal(bounced.reason, 'DKIM2-Signature i=1 MAIL FROM <Anna@sender.example> did not match')
})

test('a message without the fields is none', async () => {
  assert.equal((await verify(MESSAGE)).result, 'none')
})

test('transport may add and fold; nothing else may be touched', async () => {
  const message = await first()
  for (const harmless of [
    `Received: from there\r\n${message}`,
    `X-Spam: no\r\n${message}`,
    message.replace('X-Note: local', 'X-Note: changed'),
    message.replace('hello\r\n  world', 'hello world'),
    message.replace('Subject:', 'SUBJECT :'),
    `${message}\r\n\r\n`,
  ])
    assert.equal((await verify(harmless)).result, 'pass', harmless.slice(0, 60))
  const header = 'Message Instance m=1 header hash sha256 mismatch'
  const body = 'Message Instance m=1 body hash sha256 mismatch'
  for (const [harm, reason] of [
    [message.replace('hello', 'hallo'), header],
    [`Cc: eve@other.example\r\n${message}`, header],
    [message.replace('Two', 'Zwei'), body],
    [message.replace('Three', 'Three '), body],
  ] as const)
    assert.deepEqual([(await verify(harm)).result, (await verify(harm)).reason], ['fail', reason])
  const forged = message.replace(/t=\d+/, `t=${NOW_S - 1}`)
  assert.equal((await verify(forged)).reason, 'DKIM2-Signature i=1 s1 incorrect signature')
})

test('a list says what it changed, a Forwarder after it signs as it is: the chain and every version pass', async () => {
  const relayed = await sign(await listed(), signing('old.example', 'bob@old.example', 'bob@new.example'))
  const { result, reason, hops, steps } = await verify(relayed, {
    reversePath: 'bob@old.example',
    recipients: ['bob@new.example'],
  })
  assert.deepEqual([result, reason], ['pass', undefined])
  assert.deepEqual(
    hops.map(({ domain, modified }) => [domain, modified]),
    [
      ['sender.example', false],
      ['list.example', true],
      ['old.example', false],
    ],
  )
  assert.ok(steps.some(({ what, detail }) => what === 'former version' && detail === 'm=1'))
})

test('a recipe that does not lead back to what was signed fails', async () => {
  const lying = (await listed()).replace(/(Message-Instance: m=2;[\s\S]*?r=)[^;]*/, (_, start) => {
    const recipe = { b: [{ d: ['Another text'] }], h: { 'list-id': [] } }
    return `${start}${Buffer.from(JSON.stringify(recipe)).toString('base64')}`
  })
  // The lie changes what the list signed, too: only the list itself could tell it.
  assert.equal((await verify(lying)).result, 'fail')
})

test('a change that nobody owns up to fails, and cannot be signed over', async () => {
  const changed = (await first()).replace('Two', 'Zwei')
  const how = signing('list.example', 'bounces@list.example', 'bob@old.example')
  const refused = await signDkim2(read(changed), how, { cpu: directCpu, clock: fixedClock(NOW_S) })
  assert.deepEqual(refused, { fault: 'the message was changed since m=1' })
  const alibi = await signDkim2(
    read(changed),
    { ...how, former: read(changed) },
    { cpu: directCpu, clock: fixedClock(NOW_S) },
  )
  assert.ok('fault' in alibi)
})

test('the chain of custody: who signs next must be who received', async () => {
  const message = await first()
  const stranger = await sign(message, signing('old.example', 'bob@old.example', 'bob@new.example'))
  assert.equal((await verify(stranger)).reason, 'DKIM2-Signature i=2 MAIL FROM <old.example> did not match')
  const foreign = await sign(message, signing('list.example', 'bob@old.example', 'bob@new.example'))
  assert.equal((await verify(foreign)).reason, 'DKIM2-Signature i=2 MAIL FROM and d= do not match')
  // §9.3: the receiving domain names the one that sends on.
  const named = await sign(message, signing('list.example', '', '', { route: { nextDomain: 'next.example' } }))
  assert.equal((await verify(named)).reason, 'DKIM2-Signature i=2 unexpected nd= tag')
  assert.equal(
    (await verify(await sign(named, signing('next.example', 'x@next.example', 'bob@old.example')))).result,
    'pass',
  )
  const misnamed = await sign(named, signing('old.example', 'x@old.example', 'bob@new.example'))
  assert.equal((await verify(misnamed)).reason, 'DKIM2-Signature i=2 nd= does not match')
})

test('a bounce has the null reverse-path', async () => {
  const message = await sign(MESSAGE, signing('sender.example', '', 'list@list.example'))
  assert.equal((await verify(message, { reversePath: '', recipients: ['list@list.example'] })).result, 'pass')
})

test('requests not to modify and not to explode', async () => {
  assert.equal(
    (await verify(await listed(['donotmodify']))).reason,
    'Message has been modified despite a donotmodify request',
  )
  const asked = await sign(
    MESSAGE,
    signing('sender.example', 'a@sender.example', 'l@list.example', { flags: ['donotmodify', 'donotexplode'] }),
  )
  const added = `List-Id: <list.example>\r\n${asked}`
  const onward = (flags: readonly string[]) =>
    sign(added, signing('list.example', 'b@list.example', 'bob@old.example', { former: read(asked), flags }))
  assert.equal((await verify(await onward([]))).result, 'pass')
  assert.equal(
    (await verify(await onward(['exploded']))).reason,
    'Message has been exploded despite a donotexplode request',
  )
})

test('keys and times', async () => {
  const message = await first()
  const name = 's1._domainkey.sender.example'
  const { text: wrong } = keyRecord(other, 'sender.example', 's1')
  const about = 'DKIM2-Signature i=1 public key s1'
  for (const [records, result, reason] of [
    [{ [name]: { timeout: true } }, 'temperror', `${about} could not be fetched`],
    [{}, 'permerror', `${about} does not exist`],
    [{ [name]: { TXT: [wrong, wrong] } }, 'permerror', `${about} has multiple records`],
    [{ [name]: { TXT: ['v=DKIM1; p='] } }, 'permerror', `${about} has been revoked`],
    [{ [name]: { TXT: ['v=DKIM1; p=!'] } }, 'permerror', `${about} has a syntax error`],
    [{ [name]: { TXT: [wrong] } }, 'fail', 'DKIM2-Signature i=1 s1 incorrect signature'],
  ] as const) {
    const got = await verify(message, undefined, records as typeof zone)
    assert.deepEqual([got.result, got.reason], [result, reason])
  }
  const retired = keyRecord(key, 'sender.example', 's1').text.replace('v=DKIM1;', 'v=DKIM1; h=sha1;')
  assert.equal((await verify(message, undefined, { [name]: { TXT: [retired] } })).result, 'pass')
  assert.equal((await verify(message, undefined, zone, NOW_S + 14 * 86_400)).result, 'pass')
  assert.equal(
    (await verify(message, undefined, zone, NOW_S + 14 * 86_400 + 1)).reason,
    'DKIM2-Signature i=1 signature expired',
  )
  assert.equal((await verify(message, undefined, zone, NOW_S - 90_000)).result, 'permerror')
})

test('two signatures: both must be right', async () => {
  const keys = [
    { selector: 's1', privateKey: key },
    { selector: 's2', privateKey: other },
  ]
  const message = await sign(MESSAGE, { ...signing('sender.example', 'a@sender.example', 'l@list.example'), keys })
  const records = (second: typeof key) => ({
    ...zone,
    's2._domainkey.sender.example': { TXT: [keyRecord(second, 'sender.example', 's2').text] },
  })
  assert.equal((await verify(message, undefined, records(other))).result, 'pass')
  assert.equal(
    (await verify(message, undefined, records(key))).reason,
    'DKIM2-Signature i=1 s1 signature passed, s2 signature failed',
  )
})

test('fields that are wrong are named in the words of the draft', async () => {
  const message = await first()
  for (const [from, to, reason] of [
    [/ m=1;(?= t=)/, '', 'DKIM2-Signature i=1 tag=m missing'],
    [/ t=\d+;/, ' T=x;', 'DKIM2-Signature i=1 syntax error'],
    [/mf=[^;]*;/, '', 'DKIM2-Signature i=1 tag=mf missing'],
    [/mf=[^;]*;/, 'nd=x.example;', 'DKIM2-Signature i=1 tag=rt was unexpected'],
    [/i=1;/, 'i=2;', 'DKIM2-Signature i=1 missing'],
    [/i=1;/, 'i=1; i=1;', 'DKIM2-Signature i=? syntax error'],
    [/h=sha256:/, 'h=sha256:YQ==:YQ==,sha256:', 'Message-Instance m=1 has a duplicate hash algorithm'],
    [/h=sha256/, 'g=sha256', 'Message-Instance m=1 tag=h missing'],
    [/h=sha256/, 'h=sha3', 'Message-Instance m=1 has no hash algorithm that is known'],
    [/Message-Instance: m=1/, 'Message-Instance: m=2', 'Message-Instance m=1 missing'],
    [/DKIM2-Signature:[\s\S]*?(?=Message-Instance)/, '', 'DKIM2-Signature i=1 missing'],
    [
      /s=s1:ed25519-sha256:([^;]*);/,
      's=s1:ed25519-sha256:$1,s1:ed25519-sha256:$1;',
      'DKIM2-Signature i=1 has a duplicate selector',
    ],
    [/s=s1:ed25519-sha256:([^;]*);/, 's=s1:x:$1,a:x:$1;', 'DKIM2-Signature i=1 has no algorithm that is known'],
  ] as const) {
    const got = await verify(message.replace(from, to))
    assert.deepEqual([got.result, got.reason], ['permerror', reason], String(from))
  }
})

test('recipes: ranges that go back, reach too far, or are no ranges are refused', () => {
  const content = contentOf(read('A: 1\r\nA: 2\r\n\r\none\r\ntwo'))
  const apply = (recipe: unknown): Content | undefined => {
    const parsed = parseRecipe(JSON.stringify(recipe))
    return parsed && applyRecipe(content, parsed)
  }
  for (const bad of [
    ...[
      null,
      [],
      {},
      { x: 1 },
      { h: null },
      { h: { A: [] } },
      { b: 'x' },
      { b: [{}] },
      { b: [{ c: [1, 1], d: ['x'] }] },
    ],
    ...[[0, 1], [2, 1], [1], [1, 2, 3], [1.5, 2], ['1', 2], [1, 3]].map((c) => ({ b: [{ c }] })),
    ...[[], ['a\nb'], [1]].map((d) => ({ b: [{ d }] })),
    { b: [{ c: [1, 2] }, { c: [2, 2] }] },
    { h: { a: [{ c: [1, 3] }] } },
  ])
    assert.equal(apply(bad), undefined, JSON.stringify(bad))
  assert.equal(parseRecipe('{'), undefined)
  // §5.1: numbered from the bottom, emitted upward; §5.2: numbered from the top.
  const former = apply({
    h: { a: [{ d: [' \t x  y '] }, { c: [2, 2] }], b: [{ d: ['ü'] }] },
    b: [{ c: [2, 2] }, { d: ['', 'end'] }],
  })
  assert.deepEqual(
    [...former!.fields],
    [
      ['a', ['x y', '1']],
      ['b', ['\xc3\xbc']],
    ],
  )
  assert.equal(former!.body!.toString(), 'two\r\n\r\nend\r\n')
  assert.equal(apply({ b: null })!.body, undefined)
})

test('recipes: what is made leads back, whatever was changed', () => {
  const line = fc.constantFrom('', 'a', 'b', 'c', 'd é', '--x')
  const message = fc.record({
    fields: fc.array(fc.tuple(fc.constantFrom('Subject', 'To', 'X-A', 'List-Id'), line), { maxLength: 8 }),
    body: fc.array(line, { maxLength: 30 }),
  })
  type Made = { fields: readonly (readonly [string, string])[]; body: readonly string[] }
  const headerOf = ({ fields, body }: Made): Header =>
    parseHeader(
      Buffer.from(`${fields.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body.join('\r\n')}`),
    )
  fc.assert(
    fc.property(message, message, (before, now) => {
      const former = contentOf(headerOf(before))
      const recipe = makeRecipe(former, contentOf(headerOf(now)))
      assert.ok(recipe)
      if (recipe.h === undefined && recipe.b === undefined) return
      const back = applyRecipe(contentOf(headerOf(now)), parseRecipe(JSON.stringify(recipe))!)
      assert.ok(back)
      assert.deepEqual(new Map(back.fields), new Map(former.fields))
      const trimmed = (body: Buffer) => body.toString().replace(/(?:\r\n)+$/, '')
      assert.equal(trimmed(back.body!), trimmed(former.body!))
    }),
  )
})

test('recipes: a body too large to carry along, or that JSON cannot hold, is said to be lost', () => {
  const now = contentOf(read('\r\nnew\r\n'))
  assert.equal(makeRecipe(contentOf(read(`\r\n${'long line\r\n'.repeat(10_000)}`)), now)?.b, null)
  assert.equal(makeRecipe(contentOf(read('\r\nbyte \xff\r\n')), now)?.b, null)
  assert.equal(makeRecipe(contentOf(read('A: \xff\r\n\r\nnew\r\n')), now), undefined)
})

test('a lost former body: its hash cannot be checked, everything else still is', async () => {
  const arrived = await sign(
    `${MESSAGE}${'a very long line of text\r\n'.repeat(5000)}`,
    signing('sender.example', 'anna@sender.example', 'list@list.example'),
  )
  const cut = `${arrived.slice(0, arrived.indexOf('Two'))}cut\r\n`
  const message = await sign(
    cut,
    signing('list.example', 'b@list.example', 'bob@old.example', { former: read(arrived) }),
  )
  const { result, steps } = await verify(message)
  assert.equal(result, 'pass')
  assert.ok(steps.some(({ detail }) => detail === 'm=1, its body is not known'))
})

test('what strangers write is an outcome, never a crash', async () => {
  const piece = fc.constantFrom(
    'DKIM2-Signature:',
    'Message-Instance:',
    'i=1;',
    'm=1;',
    't=1;',
    'd=a.example;',
    's=a:b:YQ==;',
    'mf=PD4=;',
    'rt=PGE+;',
    'nd=x;',
    'h=sha256:YQ==:YQ==;',
    'r=e30=;',
    '\r\n',
    ' ',
    ';',
    '=',
    ',',
  )
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 40 }), async (pieces) => {
      const message = pieces.join('')
      readFields(read(message))
      await verify(message)
    }),
  )
  fc.assert(fc.property(fc.json(), (json) => void parseRecipe(json)))
})

test('thirty hops are read, more are not', async () => {
  const instances = Array.from({ length: 31 }, (_, k) => `Message-Instance: m=${k + 1}; h=sha256:YQ==:YQ==;\r\n`)
  assert.match((await verify(`${instances.join('')}\r\n`)).reason!, /syntax error/)
})
