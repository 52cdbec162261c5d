// Programs that people send and read mail with, run to their end.

import { spawn, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { type DemoPerson, type Door, temporaryFolder } from './demo.ts'

export interface Ran {
  readonly code: number | null
  /** Standard output and standard error, as they came. */
  readonly output: string
}

const TIMEOUT_MS = 30_000

/** Runs a program; kills it when it takes too long (the code is then null). Output is latin1: one char for each byte. */
export function run(
  program: string,
  parameters: readonly string[],
  { input = '', env = {} }: { input?: string | Buffer; env?: Record<string, string> } = {},
): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, parameters, {
      env: { ...process.env, LC_ALL: 'C.UTF-8', ...env },
      timeout: TIMEOUT_MS,
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (bytes: Buffer) => {
        output += bytes.toString('latin1')
      })
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, output }))
    // A program that ends before it has read everything is judged by its exit code.
    child.stdin.on('error', () => undefined)
    child.stdin.end(input)
  })
}

/** For `skip`: false when the program is here, else why the test is skipped. */
export function missing(program: string): string | false {
  return spawnSync('sh', ['-c', `command -v ${program}`]).status === 0 ? false : `${program} is not installed`
}

/** The certificate a TLS door shows, as PEM: what a person would save as trusted. */
export function certificateOf({ host, port }: Door): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, rejectUnauthorized: false }, () => {
      const lines = socket.getPeerCertificate().raw.toString('base64').replace(/.{64}/g, '$&\n')
      socket.destroy()
      resolve(`-----BEGIN CERTIFICATE-----\n${lines.trimEnd()}\n-----END CERTIFICATE-----\n`)
    })
    socket.on('error', reject)
  })
}

/** A folder with a muttrc for this person, and the parameters that name it. */
export async function muttHome(
  person: DemoPerson,
): Promise<{ folder: string; parameters: string[]; env: { HOME: string; TERM: string } }> {
  const folder = temporaryFolder()
  const user = encodeURIComponent(person.address)
  const certificates = await Promise.all([person.imaps, person.submissions].map(certificateOf))
  writeFileSync(join(folder, 'certificates'), certificates.join('\n'))
  const { imaps, submissions } = person
  writeFileSync(
    join(folder, 'muttrc'),
    [
      `set from="${person.address}" realname="Anna" use_from=yes envelope_from=yes copy=no`,
      `set smtp_url="smtps://${user}@${submissions.host}:${submissions.port}/" smtp_pass="${person.password}"`,
      // The strictest of its mechanisms, which curl and the libraries do not have.
      'set smtp_authenticators="scram-sha-256" imap_authenticators="scram-sha-256"',
      `set imap_user="${person.address}" imap_pass="${person.password}"`,
      `set spoolfile="imaps://${imaps.host}:${imaps.port}/INBOX" folder="imaps://${imaps.host}:${imaps.port}/"`,
      `set certificate_file="${join(folder, 'certificates')}" ssl_verify_host=no ssl_force_tls=yes`,
      'set sleep_time=0 wait_key=no confirmappend=no delete=yes move=no mark_old=no confirmcreate=no mbox_type=Maildir quit=yes',
    ].join('\n'),
  )
  return { folder, parameters: ['-F', join(folder, 'muttrc')], env: { HOME: folder, TERM: 'xterm' } }
}
