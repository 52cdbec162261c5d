// How programs find the doors of a domain by themselves: Thunderbird's autoconfig (draft-ietf-mailmaint-autoconfig), Outlook's
// autodiscover (POX, MS-OXDSCLI §2.2), a profile for Apple's devices, and the same as JSON for our own pages. No password is
// ever in them, and nobody learns here whether an address exists: every address of a domain gets the same answer.

import { hash } from 'node:crypto'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { escapeXml } from '../identity/reports/xml.ts'
import { formatAddress, mailboxesOf, parseAddressList } from '../message/address.ts'
import { uuid } from '../protocols/jmap/contact-card.ts'
import type { Guard } from './sign-in.ts'

/** A door for mail programs. */
export interface MailDoor {
  readonly protocol: 'imap' | 'pop3' | 'smtp'
  readonly hostName: string
  readonly port: number
  /** STARTTLS; else TLS from the start. */
  readonly isStartTls: boolean
}

/** The doors of a domain's people, the best of each protocol first; undefined: not a domain of ours. */
export type DoorsOf = (domain: string) => readonly MailDoor[] | undefined

export function addSetUp(app: FastifyInstance, guard: Guard, doorsOf: DoorsOf): void {
  /** Whom a request is about; the host's own name stands in for the domain where no address is given. */
  const asked = (address: unknown, host: string) => {
    const [given] = typeof address === 'string' ? mailboxesOf(parseAddressList(address.slice(0, MAX_ADDRESS))) : []
    const domain = given?.domain ?? host.toLowerCase().replace(/^(?:autoconfig|autodiscover)\./, '')
    const doors = doorsOf(domain)
    return doors && { address: given && formatAddress(given), domain, doors }
  }
  const xml = (reply: FastifyReply, text: string) => reply.type('application/xml; charset=utf-8').send(text)
  const nothing = (reply: FastifyReply) => reply.code(404).type('text/plain').send('no mailboxes of this domain here\n')

  for (const path of ['/mail/config-v1.1.xml', '/.well-known/autoconfig/mail/config-v1.1.xml'])
    app.get(path, (request, reply) => {
      const about = asked((request.query as { emailaddress?: unknown }).emailaddress, request.hostname)
      return about === undefined ? nothing(reply) : xml(reply, autoconfig(about.domain, about.doors))
    })

  app.register(async (scope) => {
    scope.addContentTypeParser(['text/xml', 'application/xml'], { parseAs: 'string' }, (_request, body, done) =>
      done(null, body),
    )
    // Outlook asks with capitals and without.
    for (const path of ['/autodiscover/autodiscover.xml', '/Autodiscover/Autodiscover.xml'])
      scope.post(path, (request, reply) => {
        const [, address] =
          /<EMailAddress>\s*([^<\s]{3,320})\s*<\/EMailAddress>/i.exec(String(request.body ?? '')) ?? []
        const about = asked(address, request.hostname)
        return about?.address === undefined ? nothing(reply) : xml(reply, autodiscover(about.address, about.doors))
      })
  })

  app.get('/api/set-up/apple', (request, reply) => {
    const about = asked((request.query as { address?: unknown }).address, request.hostname)
    if (about?.address === undefined) return nothing(reply)
    return reply
      .type('application/x-apple-aspen-config')
      .header('content-disposition', `attachment; filename="${about.domain}.mobileconfig"`)
      .send(appleProfile(about.address, about.domain, about.doors))
  })

  app.get(
    '/api/set-up',
    guard((_request, _reply, { account }) => ({
      address: account.address,
      doors: doorsOf(account.address.slice(account.address.lastIndexOf('@') + 1).toLowerCase()) ?? [],
    })),
  )
}

const MAX_ADDRESS = 320

const first = (doors: readonly MailDoor[], protocol: MailDoor['protocol']) =>
  doors.find((door) => door.protocol === protocol)

function autoconfig(domain: string, doors: readonly MailDoor[]): string {
  const servers = doors.map(({ protocol, hostName, port, isStartTls }) => {
    const element = protocol === 'smtp' ? 'outgoingServer' : 'incomingServer'
    return `    <${element} type="${protocol}">
      <hostname>${escapeXml(hostName)}</hostname>
      <port>${port}</port>
      <socketType>${isStartTls ? 'STARTTLS' : 'SSL'}</socketType>
      <username>%EMAILADDRESS%</username>
      <authentication>password-cleartext</authentication>
    </${element}>`
  })
  const name = escapeXml(domain)
  return `<?xml version="1.0" encoding="UTF-8"?>
<clientConfig version="1.1">
  <emailProvider id="${name}">
    <domain>${name}</domain>
    <displayName>${name}</displayName>
    <displayShortName>${name}</displayShortName>
${servers.join('\n')}
  </emailProvider>
</clientConfig>
`
}

const RESPONSE = 'http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006'

function autodiscover(address: string, doors: readonly MailDoor[]): string {
  const protocols = doors.map(
    ({ protocol, hostName, port, isStartTls }) => `      <Protocol>
        <Type>${protocol.toUpperCase()}</Type>
        <Server>${escapeXml(hostName)}</Server>
        <Port>${port}</Port>
        <LoginName>${escapeXml(address)}</LoginName>
        <SPA>off</SPA>
        <SSL>on</SSL>
        <Encryption>${isStartTls ? 'TLS' : 'SSL'}</Encryption>
        <AuthRequired>on</AuthRequired>
      </Protocol>`,
  )
  return `<?xml version="1.0" encoding="utf-8"?>
<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006">
  <Response xmlns="${RESPONSE}a">
    <Account>
      <AccountType>email</AccountType>
      <Action>settings</Action>
${protocols.join('\n')}
    </Account>
  </Response>
</Autodiscover>
`
}

/** A configuration profile: asks for the password when it is installed. */
function appleProfile(address: string, domain: string, doors: readonly MailDoor[]): string {
  const incoming = first(doors, 'imap') ?? first(doors, 'pop3')
  const outgoing = first(doors, 'smtp')
  const string = (key: string, value: string) => `<key>${key}</key><string>${escapeXml(value)}</string>`
  const server = (side: 'Incoming' | 'Outgoing', door: MailDoor | undefined) =>
    door === undefined
      ? []
      : [
          string(`${side}MailServerHostName`, door.hostName),
          `<key>${side}MailServerPortNumber</key><integer>${door.port}</integer>`,
          `<key>${side}MailServerUseSSL</key><true/>`,
          string(`${side}MailServerUsername`, address),
          string(`${side}MailServerAuthentication`, 'EmailAuthPassword'),
        ]
  // The same address is the same profile: installed again, it takes the place of the former one.
  const names = (kind: string, type: string) => [
    string('PayloadType', type),
    string('PayloadIdentifier', `borderpost.${domain}.${address}${kind}`),
    string('PayloadUUID', uuid(hash('sha256', `${address}${kind}`, 'buffer').subarray(0, 16))),
    '<key>PayloadVersion</key><integer>1</integer>',
    string('PayloadDisplayName', `Mail of ${address}`),
  ]
  const account = [
    ...names('.mail', 'com.apple.mail.managed'),
    string('EmailAccountType', incoming?.protocol === 'pop3' ? 'EmailTypePOP' : 'EmailTypeIMAP'),
    string('EmailAccountDescription', address),
    string('EmailAddress', address),
    ...server('Incoming', incoming),
    ...server('Outgoing', outgoing),
    '<key>OutgoingPasswordSameAsIncomingPassword</key><true/>',
  ]
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0"><dict>
  ${names('', 'Configuration').join('\n  ')}
  <key>PayloadContent</key><array><dict>
    ${account.join('\n    ')}
  </dict></array>
</dict></plist>
`
}
