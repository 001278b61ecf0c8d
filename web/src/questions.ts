// What the live socket was asked and has not answered yet; each kind is answered in its order.

import { LOST, Refused } from "./engine";

export type Kind = "configure" | "record" | "resume" | "mark" | "stop";

interface Question {
  kind: Kind;
  resolve: (answer: never) => void;
  reject: (error: Refused) => void;
}

export class Questions {
  private readonly open: Question[] = [];

  ask<Answer>(kind: Kind): Promise<Answer> {
    return new Promise<Answer>((resolve, reject) => this.open.push({ kind, resolve, reject }));
  }

  /** Answer the oldest question of these kinds, if there is one. */
  answer(kinds: readonly Kind[], answer: unknown): void {
    const index = this.open.findIndex(({ kind }) => kinds.includes(kind));
    if (index !== -1) this.open.splice(index, 1)[0]?.resolve(answer as never);
  }

  /** Refuse the oldest question; says whether there was one. An error names no question. */
  refuse(message: string, code: string): boolean {
    const oldest = this.open.shift();
    oldest?.reject(new Refused(message, code));
    return oldest !== undefined;
  }

  /** Nothing that was asked will be answered any more. */
  lose(): void {
    while (this.refuse("the connection was lost", LOST));
  }
}
