// `borderpost copy`: an account at another IMAP server into an account of an agent, running or stopped.

import { lookup } from 'node:dns/promises'
import { readFileSync } from 'node:fs'
import { ImapSource } from '../../moving/imap-source.ts'
import { hidden } from './account.ts'
import { bring, Usage, withAccount } from './moving.ts'

export interface CopyVerbOptions {
  readonly passwordFile?: string
  readonly ca?: string
  readonly json: boolean
}

const IMPLICIT_PORT = 993
const STARTTLS_PORT = 143

/** The exit code: findings when something did not come, or not as it was. */
export function copyMail(
  from: string,
  folder: string,
  address: string,
  options: CopyVerbOptions,
  print: (text: string) => void,
): Promise<number> {
  return withAccount(folder, address, async ({ store, world, account }) => {
    const { user, host, port } = parseFrom(from)
    const password = await passwordOf(options.passwordFile, `Password of ${user} at ${host}: `)
    const trusted = options.ca === undefined ? {} : { trusted: [readFileSync(options.ca, 'utf8')] }
    const source = new ImapSource({
      host: {
        network: world.network,
        endpoint: { address: (await lookup(host)).address, port },
        tls: { role: 'client', serverName: host, mustAuthenticate: true, ...trusted },
        isImplicit: port !== STARTTLS_PORT,
      },
      name: host,
      user,
      password,
      clock: world.clock,
    })
    try {
      return await bring({ store, world, account }, await source.mailboxes(), undefined, options.json, print)
    } finally {
      source.close()
    }
  })
}

function parseFrom(from: string): { user: string; host: string; port: number } {
  const [, who, bracketed, name, port] =
    /^imaps?:\/\/(.+)@(?:\[([^\]]+)\]|([^:/@]+))(?::(\d{1,5}))?\/?$/i.exec(from) ?? []
  const host = bracketed ?? name
  if (who === undefined || host === undefined) throw new Usage(`${from} is not imap://user@host[:port]/.`)
  if (who.includes(':'))
    throw new Usage('A password in the command is seen by others: use --password-file or BORDERPOST_IMAP_PASSWORD.')
  const user = /%[0-9a-f]{2}/i.test(who) ? decodeURIComponent(who) : who
  return { user, host, port: port === undefined ? IMPLICIT_PORT : Number(port) }
}

async function passwordOf(file: string | undefined, question: string): Promise<string> {
  if (file !== undefined) return readFileSync(file, 'utf8').replace(/\r?\n$/, '')
  const { BORDERPOST_IMAP_PASSWORD: given } = process.env
  if (given !== undefined && given !== '') return given
  if (process.stdin.isTTY) return hidden(question, process.stdin, process.stderr)
  throw new Usage('There is no terminal to ask for the password: use --password-file.')
}
