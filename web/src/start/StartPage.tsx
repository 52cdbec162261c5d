// The first page: four doors.

import type { JSX } from 'solid-js'
import { Icon, Logo } from '../parts/icons.tsx'

export function StartPage() {
  return (
    <main class="start">
      <header class="start-head">
        <Logo />
        <h1>Borderpost</h1>
        <p>A complete Internet email system, built from the roles that make email.</p>
      </header>
      <nav class="doors" aria-label="Where to?">
        <Door href="/mail" title="Read mail" icon={<Icon name="mail" />}>
          Your messages, with what was verified at the Border beside each of them.
        </Door>
        <Door href="/live" title="Watch the system" icon={<Icon name="path" />}>
          The actors and their roles as a picture, and every message as it moves through them.
        </Door>
        <Door href="/trace" title="Understand a message" icon={<Icon name="search" />}>
          Paste a message: which path it took, across which Border, and what can be trusted about it.
        </Door>
        <Door href="/lab" title="Try a system" icon={<Icon name="lab" />}>
          Write any email system in a line, see it, and see what becomes of its mail.
        </Door>
      </nav>
      <pre
        class="notation"
        role="img"
        aria-label="The system in shorthand: an Author sends through a Mail Submission Agent and Transmitter, across the Border, to a Receiver and Mail Delivery Agent, to the Recipient."
      >
        {'Author ==> MSA/Transmitter --> '}
        <b>/</b>
        {' --> Receiver/MDA ==> Recipient'}
      </pre>
    </main>
  )
}

function Door(props: { href: string; title: string; icon: JSX.Element; children: JSX.Element }) {
  return (
    <a class="door" href={props.href}>
      {props.icon}
      <strong>{props.title}</strong>
      <span>{props.children}</span>
    </a>
  )
}
