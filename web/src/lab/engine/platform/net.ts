// The part of node:net that needs no network.

import { parseIpv4, parseIpv6 } from '../../../../../src/message/ip.ts'

export const isIP = (text: string) => (parseIpv4(text) ? 4 : parseIpv6(text) ? 6 : 0)
