// Who is this: DKIM, ARC, DKIM2, SPF, DMARC, SRS, MTA-STS, reports. DNS answers with what the input says.

import { authenticate } from '../../src/identity/authenticate.ts'
import { checkBatv } from '../../src/identity/batv.ts'
import { lookupBimi } from '../../src/identity/bimi.ts'
import { findKey } from '../../src/identity/dkim/public-key.ts'
import { parseSignature } from '../../src/identity/dkim/signature.ts'
import { parseRecipe } from '../../src/identity/dkim2/recipes.ts'
import { verifyDkim2 } from '../../src/identity/dkim2/verify.ts'
import { authorOf } from '../../src/identity/dmarc/author.ts'
import { evaluateDmarc } from '../../src/identity/dmarc/dmarc.ts'
import { parseDmarcRecord } from '../../src/identity/dmarc/record.ts'
import { parseResponse } from '../../src/identity/mta-sts/https-get.ts'
import { parsePolicy, policyId } from '../../src/identity/mta-sts/policy.ts'
import { parseAggregateReport } from '../../src/identity/reports/aggregate.ts'
import { parseReportUri } from '../../src/identity/reports/destinations.ts'
import { parseReport, parseReportFile } from '../../src/identity/reports/incoming.ts'
import { parseTlsReport } from '../../src/identity/reports/tls.ts'
import { escapeXml, parseXml } from '../../src/identity/reports/xml.ts'
import { authenticationResults, stripForgedResults } from '../../src/identity/results.ts'
import { parseMacroString } from '../../src/identity/spf/macro.ts'
import { parseSpfRecord } from '../../src/identity/spf/record.ts'
import { checkHost } from '../../src/identity/spf/spf.ts'
import { forwardSrs, reverseLocalPart } from '../../src/identity/srs.ts'
import { fixedClock } from '../../src/identity/testing.ts'
import { parseAuthenticationResults } from '../../src/message/authentication-results.ts'
import { parseHeader, unfold } from '../../src/message/header.ts'
import type { Dns, DnsAnswer } from '../../src/world/dns.ts'
import { must, same, type Targets, WORDS } from '../target.ts'

const CLOCK = fixedClock(1_790_000_000)

/** A DNS that says for every name what the input says, and counts the questions. */
function echoDns(texts: readonly string[], counter = { questions: 0 }): Dns {
  const answers: Record<string, readonly unknown[]> = {
    TXT: texts,
    A: ['192.0.2.1', '192.0.2.2'],
    AAAA: ['2001:db8::1'],
    MX: Array.from({ length: 12 }, (_, i) => ({ preference: i, exchange: `mx${i}.test` })),
    PTR: ['a.test', 'b.test'],
  }
  return {
    resolve: async (name, type) => {
      counter.questions++
      must(name.length > 0 && name.length <= 253 && !name.includes('..'), 'a question that is no name', name)
      // Nobody publishes for all of a top-level domain.
      if (/^_dmarc\.[^.]*$/.test(name)) return { status: 'no-data', authenticated: false } as const
      const records = answers[type]
      if (records === undefined || records.length === 0) return { status: 'no-data', authenticated: false } as const
      return { status: 'records', records, ttlS: 60, authenticated: false } as DnsAnswer<never>
    },
  }
}

async function message(bytes: Buffer): Promise<void> {
  const header = parseHeader(bytes)
  const counter = { questions: 0 }
  const text = bytes.toString('latin1')
  const dns = echoDns([text.slice(0, 300), /p=[A-Za-z0-9+/=]{20,}/.exec(text)?.[0] ?? 'v=DKIM1; p='], counter)
  const facts = { header, source: bytes, ip: '192.0.2.1', helo: 'a.test', reversePath: 'a@b.test' }
  const identity = await authenticate(facts, { dns, clock: CLOCK, receiverName: 'mx.test' })
  must(counter.questions <= 150, 'too many questions for one message', counter.questions)
  const field = authenticationResults(identity, 'mx.test').toString('utf8')
  must(!/\n(?![ \t]|$)/.test(field), 'Authentication-Results that becomes two fields', field)
  // What a stranger chose (d=, s=, i=, From) must not become a result: as many of each method as there were.
  const read = parseAuthenticationResults(unfold(field.slice(field.indexOf(':') + 1)))
  must(read !== undefined && read.authservId === 'mx.test', 'Authentication-Results that cannot be read', field)
  must(read!.methods.filter(({ method }) => method === 'dmarc').length <= 1, 'a second dmarc result', field)
  must(read!.methods.filter(({ method }) => method === 'spf').length <= 1, 'a second spf result', field)
  must(!read!.methods.some(({ method, result }) => method === 'dkim' && result === 'pass'), 'a forged pass', field)
  stripForgedResults(header, 'mx.test')
  await verifyDkim2(header, { reversePath: 'a@b.test', recipients: ['c@d.test'] }, dns, CLOCK)
}

async function records(bytes: Buffer): Promise<void> {
  const text = bytes.toString('latin1')
  for (const kind of ['dkim', 'arc'] as const) parseSignature(text, kind)
  await findKey(echoDns([text]), 'a.test', 's', 'rsa-sha256' as never)
  parseRecipe(bytes.toString('utf8'))
  parseDmarcRecord(text)
  parseReportUri(text)
  policyId([text])
  const policy = parsePolicy(bytes.toString('utf8'))
  if ('mode' in policy) must(JSON.stringify(policy).length < 10 * text.length + 1000, 'a policy that grew')
  parseResponse(bytes, true, 65_536)
  const dmarc = {
    ...{ result: 'pass', domain: 'a.test', policy: 'reject', policyDomain: 'a.test', organizationalDomain: 'a.test' },
    ...{ aligned: { spf: 'a.test', dkim: 'a.test' }, steps: [], record: parseDmarcRecord('v=DMARC1; p=reject') },
  } as const
  await lookupBimi({ dmarc } as never, echoDns([text]), text)
}

async function spf(bytes: Buffer): Promise<void> {
  const text = bytes.toString('latin1')
  const [record = '', sender = '', helo = ''] = text.split('\n')
  parseSpfRecord(record)
  parseMacroString(record, true)
  const counter = { questions: 0 }
  const question = { ip: '192.0.2.77', helo: helo || 'h.test', sender: sender || 'a@b.test', receiver: 'mx.test' }
  const result = await checkHost(question, echoDns([record], counter), CLOCK)
  // RFC 7208 §4.6.4: 10 terms, each with at most 10 names; the policy itself and an explanation.
  must(counter.questions <= 10 * 11 + 4, 'too many questions', counter.questions)
  must((result.explanation ?? '').length <= 2000, 'a long explanation')
}

async function dmarc(bytes: Buffer): Promise<void> {
  const [record = '', ...from] = bytes.toString('latin1').split('\n')
  const header = parseHeader(Buffer.from(`From: ${from.join('\r\n ')}\r\n\r\n`, 'latin1'))
  const counter = { questions: 0 }
  const author = authorOf(header)
  const evidence = { spf: { result: 'pass', domain: 'evil.example' }, dkim: [] } as const
  const result = await evaluateDmarc(author, evidence, echoDns([record, 'v=DMARC1; p=none'], counter))
  must(counter.questions <= 100, 'too many questions', counter.questions)
  if (result.result === 'pass')
    must(
      author.domains.every((one) => one.endsWith('.example')),
      'a forged pass',
      [author, result],
    )
}

function srs(bytes: Buffer): void {
  const text = bytes.toString('utf8')
  const keys = { domain: 'old.test', secrets: ['secret'] }
  // A forged address leads nowhere.
  same('an SRS address that nobody made', reverseLocalPart(text, keys, CLOCK).result === 'address', false)
  checkBatv(text, { secrets: ['secret'] } as never, CLOCK)
  const forwarded = forwardSrs(text, keys, CLOCK)
  if (forwarded === undefined || forwarded === '' || forwarded === text) return
  const local = forwarded.slice(0, forwarded.lastIndexOf('@'))
  must(!/[\s<>,;:"\0-\x1f]/.test(forwarded), 'a rewritten address that needs quotes', forwarded)
  const back = reverseLocalPart(local, keys, CLOCK)
  if (back.result !== 'address') throw new Error(`SRS finds no way back: ${JSON.stringify([text, forwarded, back])}`)
  // Beyond ASCII a domain comes back as its A-labels, and without the dot that a full name may end in.
  if (local.startsWith('SRS0=') && /^[\0-\x7f]*$/.test(text))
    same('SRS leads elsewhere', back.address.toLowerCase(), text.trim().toLowerCase().replace(/\.$/, ''))
}

function reports(bytes: Buffer): void {
  parseReport(bytes)
  parseReportFile(bytes)
  const text = bytes.toString('utf8')
  parseTlsReport(text)
  parseAggregateReport(text)
  const xml = parseXml(`<a>${escapeXml(text.replace(/[^\x20-\ud7ff]+/g, ' '))}</a>`)
  must(!('fault' in xml), 'escaped text is no XML', xml)
}

const SIGNATURE =
  'DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/simple; d=a.test; s=s; h=from:to:from; l=1; i=@a.test; x=1790000001;\r\n bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AAAA\r\n'
const SEALED =
  'ARC-Seal: i=1; a=rsa-sha256; cv=none; d=a.test; s=s; b=AAAA\r\nARC-Message-Signature: i=1; a=rsa-sha256; d=a.test; s=s; h=from; bh=AAAA; b=AAAA\r\nARC-Authentication-Results: i=1; mx.test; spf=pass\r\n'
const TAGS = [
  '; d=',
  '; s=',
  '; i=',
  '; h=from:',
  ':from',
  '; l=',
  '; t=',
  '; x=',
  '; bh=',
  '; b=',
  '; q=dns/txt',
  '; k=ed25519',
  '; a=ed25519-sha256',
  'cv=pass',
  'i=2',
]

export const identityTargets: Targets = {
  'signed-message': {
    fuzz: message,
    seeds: [
      `${SIGNATURE}${SEALED}From: a@a.test\r\nTo: b@b.test\r\nAuthentication-Results: mx.test; dkim=pass\r\n\r\nHi\r\n`,
    ],
    words: [
      ...TAGS,
      SIGNATURE,
      SEALED,
      '\r\nFrom: ',
      '\r\nDKIM-Signature: ',
      '; dmarc=pass',
      "d=a.test'",
      '(',
      ...WORDS,
    ],
    suites: ['dkim', 'arc', 'attack-espoofer'],
  },
  records: {
    fuzz: records,
    seeds: [
      'v=1; a=rsa-sha256; d=a; s=b; h=from; bh=AAAA; b=AAAA',
      'v=DKIM1; k=rsa; h=sha256; s=*; t=y:s; p=MIGf',
      'v=DMARC1; p=reject; rua=mailto:a@b!10m',
      'version: STSv1\nmode: enforce\nmx: *.a.test\nmax_age: 86400\n',
      'v=STSv1; id=1;',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n',
      '{"h":{"c":[[1,2]]}}',
    ],
    words: [
      ...TAGS,
      'v=DKIM1',
      'v=DMARC1',
      'sp=',
      'np=',
      'psd=y',
      't=y',
      'rua=mailto:',
      '!10m',
      'fo=1:d:s',
      'mx: ',
      'max_age: ',
      'chunked',
      'Content-Length: ',
      ...WORDS,
    ],
    suites: ['dmarc', 'mta-sts'],
  },
  spf: {
    fuzz: spf,
    seeds: [
      'v=spf1 a:%{d} mx include:x.test exists:%{ir}.%{l1r+-}.x redirect=y.test exp=e.%{d2}\na.b@c.test\nhelo.test',
      'v=spf1 ptr ip4:192.0.2.0/24 ip6:2001:db8::/32 -all',
    ],
    words: [
      ' a',
      ' mx',
      ' ptr',
      ' include:',
      ' exists:',
      ' redirect=',
      ' exp=',
      '%{',
      '}',
      '%{s}',
      '%{l}',
      '%{p}',
      '%{ir.}',
      '%{d99999}',
      '/32//128',
      ' -all',
      '%%',
      '%_',
      '%-',
      ...WORDS,
    ],
    suites: ['spf'],
  },
  dmarc: {
    fuzz: dmarc,
    seeds: [
      'v=DMARC1; p=reject; sp=none; np=quarantine; psd=n; t=y; rua=mailto:a@b.test\na@bank.test',
      'v=DMARC1; p=none\n"x" <a@evil.test>, b@bank.test',
    ],
    words: [
      'v=DMARC1',
      'p=reject',
      'psd=y',
      'sp=',
      'np=',
      '\n',
      '<a@bank.test>',
      'a@evil.test',
      ', ',
      'g:',
      '(',
      ...WORDS,
    ],
    suites: ['attack-espoofer'],
  },
  srs: {
    fuzz: srs,
    seeds: [
      'a@b.test',
      'SRS0=AAAAAAAA=AA=b.test=a',
      'SRS1=AAAAAAAA=c.test==AAAA=AA=b.test=a',
      'prvs=1234567890=a@b.test',
    ],
    words: ['SRS0=', 'SRS1=', '==', '=', '+', '-', 'prvs=', '@b.test', ...WORDS],
  },
  reports: {
    fuzz: reports,
    seeds: [
      '<?xml version="1.0"?><feedback><record><row><source_ip>192.0.2.1</source_ip><count>1</count></row></record></feedback>',
      '{"organization-name":"x","date-range":{"start-datetime":"2026-01-01T00:00:00Z","end-datetime":"2026-01-02T00:00:00Z"},"policies":[]}',
      'Content-Type: multipart/report; boundary=x\r\n\r\n--x\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\nUser-Agent: x\r\nVersion: 1\r\n--x--\r\n',
    ],
    words: [
      '<!DOCTYPE a [<!ENTITY b "c">]>',
      '&b;',
      '&#0;',
      '&#x10ffff;',
      '<![CDATA[',
      ']]>',
      '<!--',
      '-->',
      '<a ',
      '/>',
      '</',
      '\x1f\x8b\x08',
      'PK\x03\x04',
      ...WORDS,
    ],
    suites: ['reports'],
  },
}
