import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deflateRawSync, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { parseHeader } from '../../message/header.ts'
import type { Domain, Mailbox } from '../../message/mailbox.ts'
import { authenticate } from '../authenticate.ts'
import { fixedClock, fixedDns } from '../testing.ts'
import { type AggregateRow, parseAggregateReport } from './aggregate.ts'
import { buildAggregateReport, reportFileName } from './aggregate-build.ts'
import { parseReportUri, reportDestinations } from './destinations.ts'
import { buildFeedback, type Feedback } from './feedback.ts'
import { parseReport, parseReportFile } from './incoming.ts'
import { mergeRows, observe } from './observe.ts'
import { parseTlsReport } from './tls.ts'
import { unpack } from './unpack.ts'
import { escapeXml, parseXml } from './xml.ts'

const mailbox = (localPart: string, domain: string): Mailbox => ({ localPart, domain: domain as Domain })
const boundary = () => 'boundary-of-a-test'

test('XML: entities, CDATA, comments, namespaces and attributes are read; the text is theirs', () => {
  const result = parseXml(
    '<?xml version="1.0"?><a:x xmlns:a="u" q=">"><!-- <y> --><b>1 &lt; 2 &#x26; <![CDATA[<3>]]></b><c/></a:x>',
  )
  assert.ok('root' in result)
  assert.deepEqual(result.root.children, [
    { name: 'b', children: [], text: '1 < 2 & <3>' },
    { name: 'c', children: [], text: '' },
  ])
})

test('XML: a document type is refused, so no entity can be defined, expanded or fetched', () => {
  const bomb = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><x>&b;</x>'
  assert.match((parseXml(bomb) as { fault: string }).fault, /document type/)
  const undefinedEntity = parseXml('<x>&b;</x>')
  assert.equal('root' in undefinedEntity && undefinedEntity.root.text, '&b;')
})

test('XML: what is not well formed is refused with a place', () => {
  for (const bad of [
    '',
    'text',
    '<a>',
    '<a></b>',
    '</a>',
    '<a/><b/>',
    '<a',
    '<a b="',
    '<<a/>',
    '<a>x</a>y',
    '<!-- ',
    '<a><b<c></a>',
  ]) {
    assert.ok('fault' in parseXml(bad), bad)
  }
  assert.match((parseXml('<a>'.repeat(40)) as { fault: string }).fault, /too deep/)
})

test('XML: nothing makes it throw, and escaped text comes back', () => {
  fc.assert(fc.property(fc.string(), (text) => void parseXml(text)))
  const markup = fc.constantFrom('<a>', '</a>', '<b/>', '<![CDATA[', ']]>', '&#0;', '&amp;', '<!--', '-->', '"', 'x')
  fc.assert(fc.property(fc.array(markup), (pieces) => void parseXml(pieces.join(''))))
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const clean = text.toWellFormed().replace(/[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g, ' ')
      const result = parseXml(`<a>${escapeXml(text)}</a>`)
      assert.equal('root' in result && result.root.text, clean.trim())
    }),
  )
})

/** A ZIP archive with one file. */
function zip(name: string, content: Buffer, { method = 8, flags = 0 } = {}): Buffer {
  const data = method === 8 ? deflateRawSync(content) : content
  const local = Buffer.alloc(30)
  local.writeUInt32LE(0x04034b50, 0)
  local.writeUInt16LE(name.length, 26)
  const central = Buffer.alloc(46)
  central.writeUInt32LE(0x02014b50, 0)
  central.writeUInt16LE(flags, 8)
  central.writeUInt16LE(method, 10)
  central.writeUInt32LE(data.length, 20)
  central.writeUInt16LE(name.length, 28)
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x06054b50, 0)
  end.writeUInt16LE(1, 10)
  end.writeUInt32LE(30 + name.length + data.length, 16)
  return Buffer.concat([local, Buffer.from(name), data, central, Buffer.from(name), end])
}

test('unpacking: gzip and ZIP, stored or deflated', () => {
  const content = Buffer.from('<feedback/>')
  for (const packed of [content, gzipSync(content), zip('a.xml', content), zip('a.xml', content, { method: 0 })]) {
    assert.deepEqual(unpack(packed), { bytes: content })
  }
})

test('unpacking: a bomb stops at the limit, whatever it is packed in', () => {
  const bomb = Buffer.alloc(4 * 1024 * 1024)
  for (const packed of [bomb, gzipSync(bomb), zip('a.xml', bomb), zip('a.xml', bomb, { method: 0 })]) {
    assert.deepEqual(unpack(packed, 1024 * 1024), { fault: 'unpacks to more than 1048576 bytes' })
  }
})

test('unpacking: of what comes as a report no more than 32 MB are made', () => {
  const large = gzipSync(Buffer.alloc(33 * 1024 * 1024))
  assert.deepEqual(unpack(large), { fault: `unpacks to more than ${32 * 1024 * 1024} bytes` })
})

test('unpacking: broken, encrypted and unknown archives are refused', () => {
  const good = zip('a.xml', Buffer.from('<feedback/>'.repeat(20)))
  assert.match((unpack(zip('a.xml', Buffer.from('x'), { flags: 1 })) as { fault: string }).fault, /password/)
  assert.match((unpack(zip('a.xml', Buffer.from('x'), { method: 12 })) as { fault: string }).fault, /method 12/)
  assert.match((unpack(zip('folder/', Buffer.alloc(0))) as { fault: string }).fault, /without a file/)
  for (let length = 4; length < good.length; length++) assert.ok('fault' in unpack(good.subarray(0, length)))
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.nat(255), (at, byte) => {
      const changed = Buffer.from(good)
      changed[at] = byte
      unpack(changed)
    }),
  )
})

const row: AggregateRow = {
  sourceIp: '192.0.2.7',
  count: 2,
  disposition: 'quarantine',
  dkim: 'fail',
  spf: 'fail',
  reasons: [{ type: 'local_policy', comment: 'odd <but> true & kind' }],
  headerFrom: 'sender.example',
  envelopeFrom: 'bounces.sender.example',
  envelopeTo: 'receiver.example',
  dkimResults: [{ domain: 'sender.example', selector: 's1', result: 'fail', humanResult: 'body-changed' }],
  spfResults: [{ domain: 'bounces.sender.example', scope: 'mfrom', result: 'softfail' }],
}
const published = {
  domain: 'sender.example',
  policy: 'quarantine',
  subdomainPolicy: 'reject',
  absentPolicy: 'reject',
  strictDkim: true,
  strictSpf: false,
  testing: true,
  discoveryMethod: 'treewalk',
  failureOptions: '0:d',
  percent: undefined,
} as const
const options = {
  submitter: 'receiver.example',
  organization: 'Receiver & Sons',
  from: mailbox('dmarc', 'receiver.example'),
  to: [mailbox('reports', 'sender.example')],
  published,
  beginS: 1_700_000_000,
  endS: 1_700_086_399,
  reportId: '20231114.a1b2@receiver.example',
  messageId: '<m1@receiver.example>',
  nowMs: 1_700_090_000_000,
  boundary,
}

test('an aggregate report that we send is one that we can read, with everything in it', () => {
  const message = buildAggregateReport('sender.example', [row, { ...row, count: 3 }, { ...row, spf: 'pass' }], options)
  const parsed = parseReport(message)
  assert.equal(parsed.kind, 'aggregate')
  const { report } = parsed as Extract<typeof parsed, { kind: 'aggregate' }>
  assert.deepEqual(report.rows, [
    { ...row, count: 5 },
    { ...row, spf: 'pass' },
  ])
  assert.deepEqual(report.published, published)
  assert.deepEqual([report.organization, report.email], ['Receiver & Sons', 'dmarc@receiver.example'])
  assert.deepEqual([report.beginS, report.endS, report.reportId], [options.beginS, options.endS, options.reportId])
})

test('subject and file name are those of RFC 9990', () => {
  const text = buildAggregateReport('sender.example', [row], options).toString().replace(/\r\n /g, ' ')
  assert.match(
    text,
    /^Subject: Report Domain: sender.example Submitter: receiver.example Report-ID: <20231114.a1b2@receiver.example>\r$/m,
  )
  const name = 'receiver.example!sender.example!1700000000!1700086399!20231114a1b2receiverexample.xml.gz'
  assert.equal(reportFileName('sender.example', options), name)
  assert.ok(text.includes(`filename="${name}"`) || text.includes(`filename=${name}`))
  assert.match(text, /^Content-Type: application\/gzip\r$/m)
})

test('an observed message becomes a row; where nobody asked for reports, or nothing is known, there is none', async () => {
  const source = Buffer.from('From: a@sender.example\r\n\r\nhello\r\n')
  const arrival = {
    source,
    header: parseHeader(source),
    ip: '192.0.2.7',
    helo: 'h.example',
    reversePath: 'a@Sender.Example',
  }
  const seen = async (record: string) => {
    const dns = fixedDns({
      'sender.example': { TXT: ['v=spf1 ip4:192.0.2.7 -all'] },
      '_dmarc.sender.example': { TXT: [record] },
    })
    const identity = await authenticate(arrival, { dns, clock: fixedClock(0), receiverName: 'mx.receiver.example' })
    return observe(identity, { disposition: 'pass', envelopeTo: 'receiver.example' })
  }
  assert.equal(await seen('v=DMARC1; p=reject'), undefined)
  const observation = await seen('v=DMARC1; p=reject; sp=none; rua=mailto:r@sender.example')
  assert.deepEqual(observation?.destinations, ['mailto:r@sender.example'])
  assert.deepEqual(observation?.row, {
    sourceIp: '192.0.2.7',
    count: 1,
    disposition: 'pass',
    dkim: 'fail',
    spf: 'pass',
    reasons: [],
    headerFrom: 'sender.example',
    envelopeFrom: 'sender.example',
    envelopeTo: 'receiver.example',
    dkimResults: [],
    spfResults: [{ domain: 'sender.example', scope: 'mfrom', result: 'pass' }],
  })
  assert.deepEqual(mergeRows([observation!.row, observation!.row]), [{ ...observation!.row, count: 2 }])
})

test('an aggregate report that names no time, no domain, or is another document is refused', () => {
  const refused = (xml: string) => (parseAggregateReport(xml) as { fault?: string }).fault
  assert.match(refused('<html/>')!, /not <feedback>/)
  assert.match(refused('<feedback/>')!, /missing/)
  const metadata = '<report_metadata><date_range><begin>1</begin><end>2</end></date_range></report_metadata>'
  assert.match(refused(`<feedback>${metadata}<policy_published/></feedback>`)!, /no domain/)
  assert.match(refused('<feedback><report_metadata/><policy_published/></feedback>')!, /no time/)
})

test('rows without an address or a number are counted and left out', () => {
  const xml = `<feedback><report_metadata><date_range><begin>1</begin><end>2</end></date_range></report_metadata>
    <policy_published><domain>Sender.Example</domain><p>Reject</p></policy_published>
    <record><row><source_ip>not an address</source_ip><count>1</count></row></record>
    <record><row><source_ip>192.0.2.1</source_ip><count>-1</count></row></record>
    <record><row><source_ip>2001:db8::1</source_ip><count>3</count></row>
      <auth_results><spf><domain>x.example</domain><result>HardFail</result></spf></auth_results></record></feedback>`
  const parsed = parseAggregateReport(xml)
  assert.ok('report' in parsed)
  assert.equal(parsed.report.skippedRows, 2)
  assert.deepEqual(parsed.report.rows[0]?.spfResults, [{ domain: 'x.example', scope: '', result: 'fail' }])
  assert.deepEqual([parsed.report.published.domain, parsed.report.published.policy], ['sender.example', 'reject'])
})

test('destinations: our own organization needs no leave, another host must agree in its DNS', async () => {
  const dns = fixedDns({
    '_dmarc.sender.example': { TXT: ['v=DMARC1; p=reject'] },
    'sender.example._report._dmarc.reports.example': { TXT: ['v=DMARC1'] },
    'sender.example._report._dmarc.moved.example': { TXT: ['v=DMARC1; rua=mailto:new@moved.example'] },
    'sender.example._report._dmarc.sly.example': { TXT: ['v=DMARC1; rua=mailto:victim@victim.example'] },
    'sender.example._report._dmarc.broken.example': { timeout: true },
  })
  const uris = [
    'own@mail.sender.example',
    'r@reports.example',
    'old@moved.example',
    'x@sly.example',
    'x@broken.example',
    'x@victim.example',
  ]
  const found = await reportDestinations(
    'sender.example',
    [...uris.map((each) => `mailto:${each}`), 'https://sender.example/r'],
    dns,
  )
  assert.deepEqual(
    found.accepted.map(({ mailbox: { localPart, domain } }) => `${localPart}@${domain}`),
    ['own@mail.sender.example', 'r@reports.example', 'new@moved.example'],
  )
  assert.deepEqual(
    found.refused.map(({ uri }) => uri),
    ['mailto:x@sly.example', 'mailto:x@victim.example', 'https://sender.example/r'],
  )
  assert.deepEqual(
    found.undecided.map(({ uri }) => uri),
    ['mailto:x@broken.example'],
  )
})

test('report URIs: sizes and percent-encoding are read; lists and nonsense are none', () => {
  assert.deepEqual(parseReportUri('mailto:a%21b@x.example!10m'), {
    mailbox: mailbox('a!b', 'x.example'),
    maxBytes: 10 * 2 ** 20,
  })
  assert.equal(parseReportUri('MAILTO:a@x.example')?.maxBytes, undefined)
  for (const bad of [
    'mailto:',
    'mailto:a',
    'mailto:a@x.example,b@y.example',
    'mailto:a%2Cb@x.example%2Cc@y.example',
    'mailto:%E0%A4%A@x.example',
    'ftp:a@x.example',
    'mailto:a@[192.0.2.1]',
  ]) {
    assert.equal(parseReportUri(bad), undefined, bad)
  }
})

const feedback: Feedback = {
  feedbackType: 'auth-failure',
  userAgent: 'Borderpost/0.1',
  version: 1,
  originalMailFrom: '<a@sender.example>',
  originalRcptTo: ['<b@receiver.example>'],
  originalEnvelopeId: 'q1',
  arrivalMs: 1_700_000_000_000,
  reportingMta: 'mx.receiver.example',
  sourceIp: '192.0.2.7',
  sourcePort: 2525,
  incidents: 3,
  authenticationResults: ['mx.receiver.example; dmarc=fail header.from=sender.example'],
  reportedDomains: ['sender.example'],
  reportedUris: ['http://sender.example/x'],
  authFailure: 'dmarc',
  deliveryResult: 'reject',
  identityAlignment: ['none'],
  dkimDomain: 'sender.example',
  dkimIdentity: '@sender.example',
  dkimSelector: 's1',
  dkimSelectorDns: 'v=DKIM1; p=',
  spfDns: 'txt : sender.example : "v=spf1 -all"',
}

test('a feedback report that we send is one that we can read', () => {
  const original = Buffer.from('From: a@sender.example\r\nSubject: hello\r\nX-Injected: no\r\n\r\nsecret body\r\n')
  const to = { from: mailbox('dmarc', 'receiver.example'), to: [mailbox('ruf', 'sender.example')], subject: 'failure' }
  const message = {
    ...to,
    messageId: '<f@receiver.example>',
    nowMs: 1_700_000_000_000,
    text: 'What happened.\n',
    original,
    boundary,
  }
  for (const headerOnly of [true, false]) {
    const built = buildFeedback(feedback, { ...message, headerOnly })
    assert.equal(built.includes('secret body'), !headerOnly)
    const parsed = parseReport(built)
    assert.equal(parsed.kind, 'feedback')
    const { about, ...report } = (parsed as Extract<typeof parsed, { kind: 'feedback' }>).report
    assert.deepEqual(report, feedback)
    assert.deepEqual(
      about?.fields.map(({ name }) => name),
      ['From', 'Subject', 'X-Injected'],
    )
  }
  const injected = buildFeedback(
    { ...feedback, userAgent: 'x\r\nFeedback-Type: not-spam' },
    { ...message, headerOnly: true },
  )
  const parsed = parseReport(injected)
  assert.equal(parsed.kind === 'feedback' && parsed.report.feedbackType, 'auth-failure')
})

test('TLS reports: values of the wrong kind are nothing, never a crash', () => {
  assert.ok('fault' in parseTlsReport('{'))
  assert.ok('fault' in parseTlsReport('[]'))
  const range = '"date-range":{"start-datetime":"2024-01-01T00:00:00Z","end-datetime":"2024-01-02T00:00:00Z"}'
  assert.ok('fault' in parseTlsReport(`{${range}}`))
  const parsed = parseTlsReport(
    `{${range},"policies":[null,{"policy":7,"summary":{"total-successful-session-count":-1},"failure-details":[{}]}]}`,
  )
  assert.ok('report' in parsed)
  assert.deepEqual(parsed.report.policies[1]?.successfulSessions, 0)
  fc.assert(fc.property(fc.json(), (text) => void parseTlsReport(text)))
})

test('a message that is no report is none, and one that pretends is named unreadable', () => {
  assert.equal(parseReport(Buffer.from('Subject: hi\r\n\r\n<feedback>in a letter</feedback>\r\n')).kind, 'none')
  assert.equal(parseReportFile(gzipSync('<feedback>')).kind, 'unreadable')
  assert.equal(parseReportFile(Buffer.alloc(0)).kind, 'none')
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void parseReportFile(Buffer.from(bytes))))
})
