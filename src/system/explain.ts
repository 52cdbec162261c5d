// Out of band, in plain words: what each record that an agent publishes proves, to whom, what it does not prove, and what
// would break without it. The mission: a Transmitter proves its identity by keys and lists that stand in DNS, beside the
// mail, where only the owner of the domain can write.

import type { PublishedRecord } from './records.ts'

export interface Explanation {
  readonly record: PublishedRecord
  readonly proves: string
  readonly toWhom: string
  readonly provesNot: string
  readonly without: string
}

type Words = Omit<Explanation, 'record'>

interface Kind {
  readonly is: (record: PublishedRecord) => boolean
  readonly words: (record: PublishedRecord) => Words
}

const RECEIVERS = 'every Receiver that our Transmitter speaks to'
const TRANSMITTERS = 'every Transmitter that has mail for us'
const PROGRAMS = 'the programs of our Authors and Recipients'

const says = (start: string) => (record: PublishedRecord) => record.type === 'TXT' && record.value.startsWith(start)
const isOf = (type: PublishedRecord['type']) => (record: PublishedRecord) => record.type === type

/** The first that fits explains. */
const KINDS: readonly Kind[] = [
  {
    is: (record) => /^(?:\*\.)?.*_domainkey\./.test(record.name) && /p=\s*$/.test(record.value),
    words: () => ({
      proves: 'that a key is no longer good: a signature made with it proves nothing any more',
      toWhom: RECEIVERS,
      provesNot: 'anything of mail that was verified before',
      without: 'whoever has the old key could still sign in our name',
    }),
  },
  {
    is: says('v=DKIM1'),
    words: ({ name }) => ({
      proves: `that a message signed with this key (DKIM) was seen and sent by a Transmitter of ${domainIn(name)}, and that what was signed has not changed since`,
      toWhom: `${RECEIVERS}, and every MDA behind a Forwarder: it holds however the mail came`,
      provesNot:
        'who the Author is as a person, or that the mail is wanted; it says nothing once somebody on the way changes the text, as many mailing lists do',
      without:
        'forwarded mail would prove nothing (SPF fails there), and with a DMARC policy of reject it would be refused. Our Transmitter signs with no key that DNS does not show',
    }),
  },
  {
    is: says('v=spf1 -all'),
    words: ({ name }) => ({
      proves: `that no Transmitter anywhere sends for ${name}`,
      toWhom: RECEIVERS,
      provesNot: 'anything of a From field: SPF speaks of the reverse-path',
      without: `anybody could use ${name} as the reverse-path, and get its owner the bounces`,
    }),
  },
  {
    is: says('v=spf1'),
    words: ({ name, value }) => ({
      proves: `that a Transmitter at one of these addresses may send for ${name}${value.includes('include:') ? ', or one that the included services name' : ''}`,
      toWhom: 'the first Receiver that our Transmitter speaks to: the address of whoever connects is all that counts',
      provesNot:
        'anything behind a Forwarder, whose address is not in the list (SRS lets him answer for himself); that the From field is true, unless DMARC joins the two; which of all who share an address has sent',
      without: 'the reverse-path could be anybody’s, and large Receivers defer or refuse what has neither SPF nor DKIM',
    }),
  },
  {
    is: says('v=DMARC1'),
    words: ({ name, value }) => ({
      proves: `nothing by itself: it asks that mail with ${domainIn(name)} in From be believed only when SPF or DKIM proves that same domain, and says what to do otherwise (${/\bp=(\w+)/.exec(value)?.[1] ?? 'none'})`,
      toWhom: 'every Receiver and MDA that our name is shown to',
      provesNot: 'that mail which passes is honest: a stranger with a domain of his own passes, too',
      without:
        'anybody could write our name in From, prove a domain of his own by SPF and DKIM, and Recipients would see only ours; and nobody would report to us who tries',
    }),
  },
  {
    is: says('v=TLSRPTv1'),
    words: () => ({
      proves: 'nothing: it says where to report how encryption on the way to us went',
      toWhom: TRANSMITTERS,
      provesNot: 'that the way is encrypted',
      without: 'we would not hear that senders fail to reach us by TLS, as when a certificate has ended',
    }),
  },
  {
    is: says('v=STSv1'),
    words: () => ({
      proves: 'that there is a policy on TLS to our Receiver, to be fetched over HTTPS, and when it has changed',
      toWhom: TRANSMITTERS,
      provesNot: 'anything to a sender who never saw the policy and whose DNS is forged the first time',
      without: 'somebody on the way could take STARTTLS out of our greeting, or lead mail to another host, and read it',
    }),
  },
  {
    is: isOf('PTR'),
    words: ({ value }) => ({
      proves: `that whoever owns the network knows of our host: the address leads to ${value}, and the name back to it`,
      toWhom: `${RECEIVERS}, at the very first word`,
      provesNot: 'anything of the domain that mail is from',
      without: 'many Receivers turn away who has no name, before they see any proof',
    }),
  },
  {
    is: (record) => record.type === 'MX' && record.value === '0 .',
    words: ({ name }) => ({
      proves: `that ${name} receives no mail`,
      toWhom: 'every Transmitter that has mail for it: it fails at once, and not after five days',
      provesNot: 'that it sends none: the SPF record beside it says that',
      without: 'Transmitters would try the address of its web server for days',
    }),
  },
  {
    is: isOf('MX'),
    words: ({ name, value }) => ({
      proves: `that ${value.split(' ')[1]} is the Receiver of ${name}`,
      toWhom: TRANSMITTERS,
      provesNot: 'that the host which answers there is ours: a certificate (MTA-STS) or a TLSA record (DANE) does',
      without: 'nothing reaches our Recipients; and where mail is sent and none can come back, Receivers mistrust it',
    }),
  },
  {
    is: isOf('SRV'),
    words: ({ value }) => ({
      proves: `nothing: it says at which port of which host ${value.split(' ')[3]} a door is`,
      toWhom: PROGRAMS,
      provesNot: 'that the host is ours: its certificate does',
      without: 'people would have to type host and port into their programs',
    }),
  },
  {
    is: isOf('CAA'),
    words: ({ name }) => ({
      proves: `nothing to who connects: it tells authorities which of them may make a certificate for ${name}`,
      toWhom: 'every certificate authority, which must look before it makes one',
      provesNot: 'that a certificate is ours: whoever connects looks at the certificate',
      without: 'any authority that is fooled could make a certificate for the name, for somebody else',
    }),
  },
  {
    is: isOf('TLSA'),
    words: () => ({
      proves: 'that a host with this certificate or key is our Receiver, as far as the zone is signed (DNSSEC)',
      toWhom: 'every Transmitter whose DNS is validated (DANE)',
      provesNot: 'anything in a zone that is not signed: then it is not looked at',
      without: 'somebody on the way could stand in for our host',
    }),
  },
  {
    is: ({ name }) => name.startsWith('mta-sts.'),
    words: () => ({
      proves: 'nothing: it says where the TLS policy is fetched',
      toWhom: TRANSMITTERS,
      provesNot: 'the policy: the certificate of that host does',
      without: 'the policy that is announced could not be had, and would not protect',
    }),
  },
  {
    is: ({ name }) => name.startsWith('autoconfig.'),
    words: () => ({
      proves: 'nothing: it says where programs ask for our doors',
      toWhom: PROGRAMS,
      provesNot: 'that the host there is ours: its certificate does',
      without: 'people would have to type host and port into their programs',
    }),
  },
  {
    is: () => true,
    words: () => ({
      proves: 'nothing: it says where the host is',
      toWhom: 'everybody',
      provesNot: 'that the host there is ours',
      without: 'nobody would find the host, and its name in EHLO would lead nowhere',
    }),
  },
]

/** Every record with what it means, in the order in which they stand. */
export function explained(records: readonly PublishedRecord[]): Explanation[] {
  return records.map((record) => ({ record, ...KINDS.find(({ is }) => is(record))!.words(record) }))
}

/** Which domain a name below an underscore speaks for. */
function domainIn(name: string): string {
  return name.replace(/^.*_[a-z-]+\./, '')
}
