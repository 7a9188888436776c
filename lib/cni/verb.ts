/** The commands of the specification that reach a plugin; VERSION is answered by the frame. */
export type Verb = "ADD" | "CHECK" | "DEL" | "GC" | "STATUS";
