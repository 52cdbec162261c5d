// What can be said in attribute lines, in words: the tables of docs/attributes.md, line by line (test/docs.test.ts
// compares them), for whoever completes or explains a text. How a value is read is known above (src/system/keys.ts).
// A line: names | what it says | what holds without it; `*` begins the settings of a role.

export type About = 'agent' | 'person' | 'contract'

export interface Setting {
  readonly name: string
  readonly about: About
  /** Whose it is: a heading of the table. */
  readonly heading: string
  readonly says: string
  /** What holds where it is not written. */
  readonly without: string
  /** The words that it takes, where they are few. */
  readonly words: readonly string[]
}

/** The tables as they are printed, without the marks of code. */
export const TABLES: Readonly<Record<About, string>> = {
  agent: `
domain | the domain whose mail it handles | must be there
ip | its address | must be there
host | what it calls itself | mail. and the domain
listen | the address of this machine that its doors listen at, where ip is only what the world sees (NAT) | ip
acme | your address: the certificate comes from a certificate authority (ACME), whose terms you agree to with it | one made by itself
acme-directory | which authority | Let's Encrypt
certificate, certificate-key | two files (PEM) that somebody else renews; read again when they change
* MSA
password | Authors may prove themselves by password | yes
network | a local network whose machines may send as any Author | none
* Transmitter
dkim, spf | signs; says in DNS who sends for it | yes
dkim-rotate | how long a DKIM key signs before the next one takes over, such as 90d; no: only when you say so (borderpost dkim rotate) | 90d; no in a lab
dkim2 | signs, passes on and verifies DKIM2 beside DKIM (a draft) | no
batv | tags the reverse-path, and refuses bounces without the tag | no
spf-include | a domain whose SPF record counts as its own: another service that sends for it | none
parked | a domain of yours that neither sends nor receives, and says so (null MX, v=spf1 -all, DMARC reject) | none
verp | each recipient's copy leaves with a reverse-path of its own, by which its bounce is known | no
suppress | Authors do not write again to who was refused for good, or complained: programs and who sends newsletters (bulk=yes) after the first time, a person after the second, for a day at first (docs/sending.md) | yes
dmarc | the policy that it publishes: none, quarantine, reject | reject
dmarc-subdomains, dmarc-absent | another policy for subdomains (sp=), and for those that do not exist (np=) | that of the domain
dmarc-testing | asks for the policy to be tried only (t=y) | no
mta-sts | the TLS policy that it publishes: none, testing, enforce | none is published
dane | publishes the key of its Receiver for zones that are signed with DNSSEC (TLSA 3 1 1), and keeps that key when certificates are renewed; with certificate=, whoever renews the files must keep it | no
tls | what is asked of a domain's hosts beyond what it says itself: "example.org: required" (no plain text), verified (a valid certificate for the host; names of hosts may follow: "example.org: verified mx.example.org *.example.net"), dane (signed TLSA records), or none (no TLS is tried); * for all other domains | TLS where it can be had, DANE and MTA-STS
retry, expires | waits between attempts; when a message is given up | "1m 5m 15m 30m 1h 2h 4h 8h" (a Backup MX: "1m 5m 15m"), 5d
outgoing | "500/2000": recipients elsewhere that an Author may reach, an hour and a day, whatever is usual for him; the ladder below that is docs/outgoing.md | "500/2000"; in a lab everything is allowed a thousand times as much
route | by which host mail of a domain goes (*: of all others): "example.org -> smtp.example.net:587 tls=verified user=us secret=FILE connections=5 rate=100"; the password is in a file of the agent's folder, rate is messages a minute, pool the addresses that it leaves from (then the limits are those of each); without a host only these hold | by MX
pool | addresses that mail leaves from: "bulk: 192.0.2.10 192.0.2.11"; what each calls itself may follow it (192.0.2.10=news.example.org, else bulk1. and the host), and its address on this machine behind NAT (192.0.2.10@10.0.0.10). Whose mail it is: pool=bulk of a person or a contract, or of a route (docs/queue.md) | ip
warm-up | an address of a pool that nobody knows yet: "192.0.2.11", or "192.0.2.11 from=2026-12-01 first=50 grow=1.5 until=100000": each destination gets 50 recipients on the first day, half as many again on each day that follows; with 100,000 it is warm | it is warm
destination-connections | to one group of hosts at once, at most; Transmitter*12 has 12 times 200 in all | 20
http-to | mail of a domain goes to a program by HTTP, as message/rfc822, one after another: "app.example -> https://app.example/mail", http://127.0.0.1:8080/mail or /run/app.sock:/mail; the envelope is in the fields Envelope-From and Envelope-To; 2xx is taken, 408, 425, 429 and 5xx later, any other code refuses | by MX
lmtp-to | mail of a domain goes to a program by LMTP | by MX
* Receiver
allow, deny | an address, a domain, a network, or dkim: and a domain | empty
filter | weighs header and content, by rules and by what was learned | yes
dns-list | a list over DNS: one known by its zone, or bad-addresses:, good-addresses:, bad-domains: and a zone | none
greylist | asks who is neither proven nor known to come again | yes; no in a lab
pause | how long a stranger waits for the greeting, and for the reply to his first fault | 1s; 0s in a lab
proxy | balancers whose PROXY header is believed | none
backup-for | a domain elsewhere that it stands in for: mail for it is handed to the better hosts of its MX while its sender waits, and kept in the queue while they are away; a drawn Backup MX ==> Receiver/MDA needs it not | none
recipients | whom a backup MX takes mail for while it cannot ask: bob@example.org, @example.org (anybody there), or a file in the agent's folder with one a line; with such a list who is not on it is refused | those whom the primary has named before; all others are asked to come again
lmtp | who may hand mail over by LMTP | nobody
clamav | clamd: a socket, or address and port | none
milter | a milter, likewise; several are asked in order | none
trusts | a Forwarder, by its @id or domain, for all who have their mailbox here; one person says it alone (below) | nobody
trusts-seals | domains whose ARC seals are believed for everybody here | none
received-spf | writes Received-SPF, too | no
max-size | the largest message | 50M
connections, connections-per-address, messages-per-minute | limits; the last one counts an address, its network may four times that | 1000, 50, 600
reports | DMARC and TLS reports are collected and sent | yes; no in a lab
complaints | tells senders who asked for it what Recipients moved to Junk | no
* The coarse level of the lab
population, people | how many agents like this one simulate --coarse has, and how many people each of them has on average (docs/simulate.md) | 1
* MDA and all
web | where the pages of its people are, such as https://mail.example.org: passkeys are for that name (docs/accounts.md) | where its host serves them
ldap, ldap-base | "ldaps://ldap.example.org" or "ldap://…" (STARTTLS): the directory that knows the passwords of people who have none here, and below which entry they are (docs/accounts.md) | none
ldap-filter | how one is found: {address} is what was said, {name} the part before the @ | "(mail={address})"
ldap-bind, ldap-secret | as whom it is searched, and the file in the agent's folder with that password | as nobody
ldap-ca | a file in the agent's folder: the authority that is believed | those of this machine
ldap-aliases | its attributes that name further addresses, such as mailAlternateAddress: they and those of mail are the person's after a sign-in | none are taken over
ldap-accounts | whoever is in it gets an account at the first sign-in | no
store | "postgres://host/database": several nodes share one store; the password comes from the environment or ~/.pgpass | a folder of its own
bodies | "https://host/bucket": bodies of a shared store lie in S3 | with the journal
cache | how much of what comes from S3 each node keeps on its disk; 0: nothing | 1G
oidc | "https://login.example.org client-id": another issuer (OpenID Connect) that signs people in (docs/accounts.md) | none
oauth-client | "desk: http://127.0.0.1/ org.example.desk:/done": a program that may ask people for access, and where it is answered (docs/accounts.md) | programs register themselves
encrypt | what is kept is encrypted: yes (the key is store.key in the agent's folder, made when missing), the path of a file that holds the key, or env:NAME (docs/store.md) | no
retention | what has been in a mailbox for so long goes: "Junk 30d", "Lists/News 7d", "Trash never", by role or path; keep: nothing of anybody's may go | "Junk 30d", "Trash 30d"
undelete | how long deleted mail can be brought back; 0s: not at all | 14d
* Forwarder
group | "all@here.example: ann@here.example bob@here.example": an address that stands for several (docs/accounts.md) | none
catch-all | whose is the mail that is for nobody else here | it is refused
forward | "old address -> new address" | none
forward-mode, forward-wait | asks the target while the sender waits (true), for so long, or only by the queue | true, 20s
forward-junk, keep | passes on what was judged junk; keeps a copy | no
srs, arc | rewrites the reverse-path where needed; seals | yes; an Open Relay: no
modifies | what is changed of every message that is passed on, so that its DKIM signatures fail: subject, footer, both, or no | no; a Mailing List: subject,footer
list-footer | the line that is added below | "You are on this list."
* Mailing List
list | "talk@here.example: ann@there.example bob@elsewhere.example": an address here, and its members anywhere | none
from-rewrite | the list writes itself into From, and the Author into Reply-To | no
`,
  contract: `
by | the @id of the Transmitter's agent | the only one there is
with | the @id of an agent of the drawing whose mail is carried (MSA ==> Transmitter): the line says more of that relationship | somebody who is not in the drawing
domain | they may write as it, and as what is below it | must be there, but with with
password | they sign in by name and password | yes, where neither network nor certificate is said
network | whoever connects from there is them | none
certificate | whoever shows it is them: the SHA-256 of the key of a client certificate | none
messages-per-day, messages-per-minute | how much is taken; a day is one of UTC | no limit
recipients, max-size | of one message | those of everybody
queue-messages, queue-size | what may wait in our queue, each recipient counted; more is taken when some of it has left | no limit
connections | of ours at once, for its mail | its fair share (docs/queue.md)
pool | the pool of addresses that its mail leaves from | as for others
`,
  person: `
address | the person's address | must be there
alias | one more address | none
outgoing | the same for one Author | as for all
bulk | sends newsletters: many people to whom he never wrote are usual (docs/outgoing.md) | no
pool | the pool of addresses that this Author's mail leaves from | as for others
name | as it is shown | the part before the @
password | only in a lab | none
retention | the same for one person, before what is said of all; keep: nothing of this person's may go, whoever deletes it | as for all
quota, quota-messages | how much mail is kept | no limit
trusts | a Forwarder, by its @id or domain | nobody
ip | a static address that authenticates this Author | none
may-send-as | an address (of a group, of somebody else) or a domain that this Author may send as, beside the own addresses | none
certificate | the SHA-256 of the key of a client certificate that signs in as this person | none
`,
}

const WORDS: readonly (readonly [names: string, words: readonly string[]])[] = [
  [
    'password keep srs arc dkim dkim2 batv verp suppress spf encrypt from-rewrite forward-junk ldap-accounts dmarc-testing dane filter received-spf greylist reports complaints bulk',
    ['yes', 'no'],
  ],
  ['dmarc dmarc-subdomains dmarc-absent', ['none', 'quarantine', 'reject']],
  ['mta-sts', ['none', 'testing', 'enforce']],
  ['forward-mode', ['true', 'queue']],
  ['modifies', ['subject', 'footer', 'no']],
]

const wordsOf = new Map(WORDS.flatMap(([names, words]) => names.split(' ').map((name) => [name, words] as const)))

/** The one setting that is the notation's own (rule A6). */
const IN: Omit<Setting, 'about'> = {
  name: 'in',
  heading: '',
  says: 'the network that it stands in, where the brackets cannot tell',
  without: 'the bracket above it',
  words: [],
}

/** Every setting that there is. */
export const SETTINGS: readonly Setting[] = (['agent', 'person', 'contract'] as const).flatMap((about) => [
  ...settingsOf(about),
  ...(about === 'contract' ? [] : [{ ...IN, about }]),
])

function settingsOf(about: About): Setting[] {
  let heading = ''
  const out: Setting[] = []
  for (const line of TABLES[about].trim().split('\n')) {
    if (line.startsWith('* ')) {
      heading = line.slice(2)
      continue
    }
    const [names = '', says = '', without = ''] = line.split(' | ')
    for (const name of names.split(', ')) {
      // The password of a person is a secret, that of an agent a choice.
      const words = about === 'person' && name === 'password' ? [] : (wordsOf.get(name) ?? [])
      out.push({ name, about, heading, says, without, words })
    }
  }
  return out
}
