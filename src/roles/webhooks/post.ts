// One event on its way to a program: a signed POST (Standard Webhooks 1.0). Its owner chooses the address, so outside of a
// lab it is HTTPS to a public address or nothing: what a name stands for is asked once, and that address is connected to.

import { createHmac } from 'node:crypto'
import { httpsPost } from '../../identity/mta-sts/https-get.ts'
import { isPrivateIp } from '../../message/ip.ts'
import type { Agent } from '../agent.ts'
import { signedFields } from './signature.ts'
import { secretsOf, type Webhook } from './subscriptions.ts'

const TIMEOUT_MS = 20_000
const MAX_ANSWER_BYTES = 64 * 1024
const MAX_URL = 2000
const GONE = 410

export type Told = { readonly state: 'taken' | 'gone' | 'failed'; readonly said: string }

/** Why nobody may be told at this URL; undefined: it is good. */
export function urlComplaint(url: string, isLab: boolean): string | undefined {
  if (url.length > MAX_URL || !URL.canParse(url)) return 'A URL like https://example.org/hooks is needed.'
  const { protocol, username, password, hostname } = new URL(url)
  if (protocol !== 'https:' && !(isLab && protocol === 'http:')) return 'The URL must begin with https://.'
  if (username !== '' || password !== '') return 'A URL says no name and password: what we send is signed.'
  const host = hostname.replace(/^\[|\]$/g, '')
  if (!isLab && (isPrivateIp(host) || /(?:^|\.)localhost$/i.test(host)))
    return 'The URL is of this machine or of a private network.'
  return undefined
}

/** Names what is told, the same each time: by it a program knows what it has had. */
export function eventName({ secrets, domain }: Agent, event: number | string): string {
  const hmac = createHmac('sha256', secrets.server).update(`webhook event ${domain} ${event}`)
  return `evt_${hmac.digest('base64url').slice(0, 22)}`
}

export async function post(agent: Agent, webhook: Webhook, name: string, body: Buffer): Promise<Told> {
  const { settings, world } = agent
  const { privateDestinations } = settings.transmitter
  const complaint = urlComplaint(webhook.url, privateDestinations)
  if (complaint !== undefined) return { state: 'failed', said: complaint }
  const { protocol, hostname, port, pathname, search } = new URL(webhook.url)
  const nowMs = world.clock.now()
  const isPlain = protocol === 'http:'
  const answer = await httpsPost(
    world,
    {
      host: hostname.replace(/^\[|\]$/g, ''),
      path: `${pathname}${search}`,
      port: port === '' ? (isPlain ? 80 : 443) : Number(port),
      ...(isPlain && { isPlain }),
      timeoutMs: TIMEOUT_MS,
      maxBytes: MAX_ANSWER_BYTES,
      contentType: 'application/json',
      body,
      fields: signedFields(secretsOf(agent, webhook, nowMs), name, nowMs, body),
    },
    { privateDestinations },
  )
  if ('fault' in answer) return { state: 'failed', said: answer.fault.slice(0, 300) }
  const said = `HTTP status ${answer.status}`
  if (answer.status === GONE) return { state: 'gone', said }
  return { state: answer.status >= 200 && answer.status < 300 ? 'taken' : 'failed', said }
}
