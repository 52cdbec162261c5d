// Reports for tests of what is made of them: what a day of a small domain looks like.

import type { AggregateRow } from '../../identity/reports/aggregate.ts'
import type { Command } from '../../store/commands.ts'
import type { ReceivedReport } from '../../store/nouns/reports.ts'
import type { AggregateContent, FeedbackContent } from './take-in.ts'

const DAY_MS = 86_400_000

/** A row of mail from sender.test. */
export function rowOf(sourceIp: string, count: number, more: Partial<AggregateRow> = {}): AggregateRow {
  return {
    sourceIp,
    count,
    disposition: 'pass',
    dkim: 'pass',
    spf: 'pass',
    reasons: [],
    headerFrom: 'sender.test',
    envelopeFrom: 'sender.test',
    envelopeTo: '',
    dkimResults: [{ domain: 'sender.test', selector: 's1', result: 'pass', humanResult: '' }],
    spfResults: [{ domain: 'sender.test', scope: 'mfrom', result: 'pass' }],
    ...more,
  }
}

const FORGED = {
  disposition: 'reject',
  dkim: 'fail',
  spf: 'fail',
  dkimResults: [],
  spfResults: [{ domain: 'forger.test', scope: 'mfrom', result: 'pass' }],
} as const

/** What sender.test asks for. */
export const PUBLISHED = {
  domain: 'sender.test',
  policy: 'reject',
  subdomainPolicy: undefined,
  absentPolicy: undefined,
  strictDkim: false,
  strictSpf: false,
  testing: false,
  discoveryMethod: 'treewalk',
  failureOptions: undefined,
  percent: undefined,
} as const

/** Commands that fill a store with what others reported of sender.test until now, and with a day of our own. */
export function sampleReports(nowMs: number): Command[] {
  const beginS = Math.floor((nowMs - DAY_MS) / 1000)
  const rows = [
    rowOf('192.0.2.10', 1284),
    rowOf('198.51.100.7', 37, { spf: 'fail', spfResults: [{ domain: 'old.test', scope: 'mfrom', result: 'pass' }] }),
    rowOf('203.0.113.66', 212, FORGED),
    rowOf('2001:db8::66', 4, { ...FORGED, spfResults: [] }),
    rowOf('198.51.100.90', 9, {
      disposition: 'quarantine',
      dkim: 'fail',
      spf: 'fail',
      dkimResults: [{ domain: 'sender.test', selector: 's1', result: 'fail', humanResult: 'the body was changed' }],
    }),
  ]
  const aggregate: AggregateContent = {
    omitted: 0,
    report: {
      version: '1.0',
      organization: 'big.test',
      email: 'dmarc@big.test',
      extraContact: '',
      generator: '',
      errors: [],
      reportId: 'one',
      beginS,
      endS: beginS + 86_399,
      published: PUBLISHED,
      rows,
      skippedRows: 0,
    },
  }
  const complaint: FeedbackContent = {
    messageId: 'm1@sender.test',
    subject: 'Our spring offers',
    feedbackId: '',
    trace: 't1',
    report: {
      feedbackType: 'abuse',
      userAgent: 'Big/1',
      version: 1,
      originalRcptTo: [],
      incidents: 1,
      authenticationResults: [],
      reportedDomains: ['sender.test'],
      reportedUris: [],
      identityAlignment: [],
    },
  }
  const failure = { sendingIp: '', receivingMxHelo: '', receivingIp: '', additionalInformation: '', reasonCode: '' }
  const tls = {
    organization: 'big.test',
    contact: '',
    reportId: 'two',
    beginMs: beginS * 1000,
    endMs: beginS * 1000 + DAY_MS,
    policies: [
      {
        type: 'sts',
        domain: 'sender.test',
        policyLines: [],
        mxHosts: [],
        successfulSessions: 140,
        failedSessions: 3,
        failures: [
          { ...failure, resultType: 'certificate-expired', receivingMxHostname: 'mx2.sender.test', failedSessions: 3 },
        ],
      },
    ],
  }
  const came: Omit<ReceivedReport, 'id' | 'key' | 'kind' | 'content'> = {
    about: 'sender.test',
    organization: 'big.test',
    provenDomain: 'big.test',
    beginMs: beginS * 1000,
    endMs: beginS * 1000 + DAY_MS,
    receivedAtMs: nowMs - 3_600_000,
  }
  const kept: Omit<ReceivedReport, 'id' | 'key'>[] = [
    { ...came, kind: 'aggregate', content: JSON.stringify(aggregate) },
    { ...came, kind: 'tls', content: JSON.stringify(tls) },
    { ...came, kind: 'feedback', about: 'anna@sender.test', content: JSON.stringify(complaint) },
    { ...came, kind: 'unreadable', provenDomain: '', about: '', content: '{"reason":"a ZIP archive with a password"}' },
  ]
  const of = { kind: 'dmarc', domain: 'big.test', day: Math.floor(nowMs / DAY_MS) - 1 } as const
  return [
    ...kept.map((report, n): Command => ({ kind: 'report.keep', pending: 0, report: { ...report, key: `0${n}` } })),
    { kind: 'report.observe', sightings: [{ ...of, about: '', dueMs: 0, row: '{}', count: 12, worthy: 12 }] },
    { kind: 'report.close', of, state: 'sent', outcome: 'Sent to dmarc@big.test as k4m2n8p0q1rs.' },
    {
      kind: 'report.observe',
      sightings: [{ ...of, day: of.day + 1, about: '', dueMs: 0, row: '{}', count: 3, worthy: 3 }],
    },
  ]
}
