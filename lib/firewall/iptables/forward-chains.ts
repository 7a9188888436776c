/** The chains of the reference's firewall plugin in table filter. */
export const forwardChain = "CNI-FORWARD";
export const isolationStage1 = "CNI-ISOLATION-STAGE-1";
export const isolationStage2 = "CNI-ISOLATION-STAGE-2";
