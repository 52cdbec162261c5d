// A description of very many agents, written like one by hand: small offices, forwarders that alumni and clubs keep, Internet
// providers of four agents each, and a few large providers, to and from which most mail goes. Spammers, forgers and a botnet are
// the traffic's own (src/lab/simulate/senders.ts).

interface Sizes {
  readonly providers: number
  readonly isps: number
  readonly forwarders: number
  readonly offices: number
}

const AGENTS_OF_AN_ISP = 4

export function sizesOf(agents: number): Sizes {
  const providers = Math.max(1, Math.round(agents / 1000))
  const isps = Math.max(1, Math.round(agents / 250))
  const forwarders = Math.max(1, Math.round(agents / 20))
  return {
    providers,
    isps,
    forwarders,
    offices: Math.max(1, agents - providers - AGENTS_OF_AN_ISP * isps - forwarders),
  }
}

export function largeSystem(agents: number): string {
  const { providers, isps, forwarders, offices } = sizesOf(agents)
  const flows: string[] = []
  const lines: string[] = []
  let hosts = 0
  const agent = (id: string, domain: string, more = '') => {
    hosts++
    lines.push(`${id}: domain=${domain}, ip=10.${hosts >> 16}.${(hosts >> 8) & 255}.${hosts & 255}${more}`)
  }
  const person = (id: string, at: string) => lines.push(`${id}: address=${id}@${at}, password=demo`)
  const flow = (from: string, to: string) => flows.push(`${from} --> / --> ${to}`)
  // What is written before and after the Border, by who it is.
  const sendsOf = {
    office: (n: number) => `Author@a${n} ==> MSA/Transmitter@office${n}`,
    isp: (n: number) => `Author@c${n} ==> MSA@submit${n} ==> Transmitter@out${n}`,
    provider: (n: number) => `Author@u${n} ==> MSA/Transmitter@provider${n}`,
  }
  const takesOf = {
    office: (n: number) => `Receiver/MDA@office${n} ==> Recipient@a${n}`,
    isp: (n: number) => `Receiver@in${n} ==> MDA@store${n} ==> Recipient@c${n}`,
    provider: (n: number) => `Receiver/MDA@provider${n} ==> Recipient@u${n}`,
  }

  for (let n = 0; n < providers; n++) {
    agent(`provider${n}`, `provider${n}.test`)
    person(`u${n}`, `provider${n}.test`)
    flow(sendsOf.provider(n), takesOf.provider((n + 1) % providers))
  }
  for (let n = 0; n < isps; n++) {
    for (const part of ['submit', 'out', 'in', 'store'])
      agent(`${part}${n}`, `isp${n}.test`, `, host=${part}.isp${n}.test`)
    person(`c${n}`, `isp${n}.test`)
    flow(sendsOf.isp(n), takesOf.provider(n % providers))
    flow(sendsOf.provider(n % providers), takesOf.isp(n))
  }
  for (let n = 0; n < offices; n++) {
    agent(`office${n}`, `office${n}.test`)
    person(`a${n}`, `office${n}.test`)
    // Half of what an office sends goes to a large provider, a fifth to an Internet provider.
    const kind = n % 10
    flow(
      sendsOf.office(n),
      kind < 5
        ? takesOf.provider(n % providers)
        : kind < 7
          ? takesOf.isp(n % isps)
          : takesOf.office((n * 7919 + 13) % offices),
    )
    flow(sendsOf.provider((n + 3) % providers), takesOf.office(n))
  }
  for (let n = 0; n < forwarders; n++) {
    agent(
      `alumni${n}`,
      `alumni${n}.test`,
      `, forward="u${n % providers}@alumni${n}.test -> u${n % providers}@provider${n % providers}.test"`,
    )
    const home = `Receiver/Forwarder@alumni${n} ~~> MDA@provider${n % providers} ==> Recipient@u${n % providers}`
    flow(sendsOf.office(n % offices), home)
  }
  return `${flows.join('\n\n')}\n\n${lines.join('\n')}\n`
}
