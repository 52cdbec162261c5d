// What reports say, for the postmaster: `GET /api/reports?days=30`.

import type { FastifyInstance } from 'fastify'
import type { World } from '../world/world.ts'
import type { Backends } from './backends.ts'
import type { Guard } from './sign-in.ts'

const DAYS = 30
const DAY_MS = 86_400_000

export function addReports(app: FastifyInstance, guard: Guard, backends: Backends, world: World): void {
  app.get(
    '/api/reports',
    guard((request, reply, backend) => {
      const { days = String(DAYS) } = request.query as { days?: unknown }
      const wanted = typeof days === 'string' && /^[1-9]\d{0,2}$/.test(days) ? Number(days) : DAYS
      const found = backends.reports?.(backend, world.clock.now() - wanted * DAY_MS)
      return found ?? reply.code(403).send({ error: 'Only the postmaster reads reports. Sign in as postmaster.' })
    }),
  )
}
