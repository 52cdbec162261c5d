// What a program of somebody's gets by HTTP is signed, so that it knows that we sent it, and when (Standard Webhooks 1.0):
// HMAC-SHA-256 over id, time and body. Whoever posts to programs signs here, events of messages as messages themselves.

import { createHmac } from 'node:crypto'
import type { Random } from '../../world/world.ts'

const PREFIX = 'whsec_'
const SECRET_BYTES = 32

/** A new secret as its owner sees it. */
export function newWebhookSecret(random: Pick<Random, 'bytes'>): string {
  return `${PREFIX}${random.bytes(SECRET_BYTES).toString('base64')}`
}

/**
 * The fields of the request. `id`: of what is told, the same each time it is told, so that a program knows what it has had;
 * `secrets`: of each a signature, while one takes the place of another.
 */
export function signedFields(secrets: readonly string[], id: string, nowMs: number, body: Buffer) {
  const timestamp = String(Math.floor(nowMs / 1000))
  const signatures = secrets.map((secret) => {
    const hmac = createHmac('sha256', Buffer.from(secret.slice(PREFIX.length), 'base64'))
    return `v1,${hmac.update(`${id}.${timestamp}.`).update(body).digest('base64')}`
  })
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures.join(' ') }
}
