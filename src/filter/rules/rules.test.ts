import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { HONEST } from './rules/expect.ts'
import { RULES, weigh, weighMail } from './rules.ts'
import { messageOf, NOW_MS, UNPROVEN, viewOf } from './testing.ts'

test('there are at least 150 rules, each with an id of its own', () => {
  assert.ok(RULES.length >= 150, String(RULES.length))
  assert.equal(new Set(RULES.map(({ id }) => id)).size, RULES.length)
  for (const { id } of RULES) assert.match(id, /^[a-z0-9]+(?:-[a-z0-9]+)+$/)
})

test('every explanation is one sentence that a Recipient can read', () => {
  const jargon =
    /\b(?:MIME|SMTP|HELO|EHLO|SPF|DKIM|DMARC|ARC|DNS|TLD|IDN|punycode|base64|charset|boundary|header field|URI|URL|RFC|MUA|MTA|regexp?|HTML|FQDN|rDNS)\b/i
  for (const { id, explanation, points } of RULES) {
    assert.match(explanation, /^[A-Z].*\.$/, id)
    assert.ok(explanation.length < 160, `${id}: ${explanation.length}`)
    assert.doesNotMatch(explanation, jargon, id)
    assert.ok(points !== 0 && Math.abs(points) <= 6, id)
  }
  assert.equal(new Set(RULES.map(({ explanation }) => explanation)).size, RULES.length)
})

test('honest messages weigh nothing', () => {
  for (const [name, draft] of Object.entries(HONEST)) {
    const { points, hits } = weigh(viewOf(draft))
    assert.deepEqual(
      hits.filter((hit) => hit.points > 0),
      [],
      name,
    )
    assert.ok(points <= 0)
  }
})

test('credit that anybody can write does not outweigh what was found', () => {
  const draft = {
    fields: {
      'List-Id': '<a.b>',
      'List-Post': '<mailto:a@b.example>',
      'In-Reply-To': '<1@a>',
      From: ['A <a@x.example>', 'B <b@y.example>'],
    },
    text: '> one\r\n> two\r\n\r\nthree\r\n',
    facts: { answersOurs: true },
  }
  const { points, hits } = weigh(viewOf(draft))
  const against = hits.filter((hit) => hit.points > 0).reduce((sum, hit) => sum + hit.points, 0)
  assert.ok(against >= 4)
  assert.ok(points >= against - 2.01)
})

test('evidence is one line that turns and hides nothing', () => {
  const draft = { fields: { Subject: `=?utf-8?q?A=E2=80=AEB_VERY_LOUD_SUBJECT_${'X'.repeat(400)}?=` } }
  for (const { evidence = '' } of weigh(viewOf(draft)).hits) {
    assert.doesNotMatch(evidence, /[\0-\x1f\u202e]/)
    assert.ok(evidence.length <= 160)
  }
})

test('each feature is computed once: weighing twice gives the same', () => {
  const view = viewOf({ html: '<a href="http://192.0.2.1/">www.bank.example</a>', identity: UNPROVEN })
  assert.deepEqual(weigh(view), weigh(view))
})

test('whatever a stranger sends, weighing gives a number', () => {
  const pieces = fc.constantFrom(
    'From: ',
    'To: ',
    'Subject: ',
    'Date: ',
    'Received: from ',
    'Content-Type: multipart/mixed; boundary=',
    'Content-Type: text/html',
    '--',
    'x',
    '\r\n',
    '\r\n\r\n',
    ' ',
    '<',
    '>',
    '@',
    '"',
    '=?utf-8?b?',
    '?=',
    '<a href="',
    '<!--',
    '-->',
    '&#',
    ';',
    'http://',
    '%',
    'xn--',
    '\0',
    '\u202e',
    'Content-Transfer-Encoding: base64',
    'UEsDBA',
    'Content-Disposition: attachment; filename=',
    '.exe',
    '<font style="',
    'color:#fff',
    '>',
    '[',
    ']',
    ':',
  )
  fc.assert(
    fc.property(fc.array(fc.oneof(pieces, fc.string({ maxLength: 8 })), { maxLength: 80 }), (parts) => {
      const { points } = weighMail({ message: Buffer.from(parts.join('')), nowMs: NOW_MS })
      assert.ok(Number.isFinite(points))
    }),
    { numRuns: 300 },
  )
})

test('hostile texts do not take long: half a megabyte of each trap', () => {
  const size = 512 * 1024
  const traps = [
    '<a x="',
    "<a x='",
    '<b>',
    '<script></script>',
    '<',
    '<!--',
    '&#',
    'http://',
    'a ',
    'a.b.',
    '<a href=x>',
    '<div style="',
    'www.',
    '-',
    ' \u202e',
    '(((',
    '$1,',
    '!!',
    '<p',
    'A\n',
    '\u200b',
    '"',
    'v1',
    '<td bgcolor=#fff>',
  ]
  for (const trap of traps) {
    const html = trap.repeat(Math.floor(size / Buffer.byteLength(trap)))
    for (const draft of [{ html }, { text: html }]) {
      const before = process.cpuUsage()
      weigh(viewOf(draft))
      const { user } = process.cpuUsage(before)
      // No timing for its own sake: a quadratic trap takes minutes here, an honest one a fraction of a second.
      assert.ok(user < 10_000_000, `${JSON.stringify(trap)} takes ${user / 1000} ms`)
    }
  }
  for (const name of ['From', 'To', 'Subject', 'Received', 'Date', 'Message-ID', 'X-Mailer']) {
    for (const trap of ['<', '(', 'a ', '"', '@', '.', '1', '[', ' ', 'a1', '=?']) {
      const before = process.cpuUsage()
      weighMail({ message: messageOf({ fields: { [name]: trap.repeat(200_000 / trap.length) } }), nowMs: NOW_MS })
      const { user } = process.cpuUsage(before)
      assert.ok(user < 10_000_000, `${name}: ${JSON.stringify(trap)} takes ${user / 1000} ms`)
    }
  }
})
