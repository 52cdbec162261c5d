// Where the client found us: what we tell it of ourselves is absolute, and there it finds the rest.

import type { FastifyRequest } from 'fastify'

/** '' for a Host that no URL of ours could have. */
export function baseOf({ host }: Pick<FastifyRequest, 'host'>, isSecure: boolean): string {
  return /^[A-Za-z0-9.:[\]-]{1,255}$/.test(host) ? `${isSecure ? 'https' : 'http'}://${host}` : ''
}
